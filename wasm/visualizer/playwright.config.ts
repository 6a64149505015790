import { defineConfig } from "@playwright/test";

const PORT = 4180;

export default defineConfig({
  testDir: "tests",
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  workers: 1,
  reporter: [["list"]],
  webServer: {
    command: `node ../tests/server.js ${PORT}`,
    url: `http://127.0.0.1:${PORT}/visualizer/dist/`,
    reuseExistingServer: false,
  },
  use: {
    baseURL: `http://127.0.0.1:${PORT}/`,
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
    // Debian's: no browser is downloaded.
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    },
  },
});
