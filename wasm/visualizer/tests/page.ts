/** What the tests do with the page. */
import { type Page, expect } from "@playwright/test";

export const PAGE = "/visualizer/dist/index.html";

export async function openPage(page: Page, path = PAGE): Promise<void> {
  await page.goto(path);
  await isDrawn(page);
}

export async function isDrawn(page: Page): Promise<void> {
  await expect(page.locator(".react-flow__node.party, .matrix-canvas").first()).toBeVisible();
}

/** Puts a text in place of what is in the editor. */
export async function write(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: "Manifests" }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

export async function openFiles(page: Page, files: { name: string; text: string }[]): Promise<void> {
  await page.getByTestId("files").setInputFiles(
    files.map(({ name, text }) => ({ name, mimeType: "text/yaml", buffer: Buffer.from(text) })),
  );
}

export async function chooseExample(page: Page, title: string): Promise<void> {
  await page.getByRole("button", { name: "Examples" }).click();
  await page.getByRole("menuitem", { name: title }).click();
}

/** Keeps a picture of a state, to be looked at. */
export async function picture(page: Page, name: string): Promise<void> {
  // What moves comes to rest.
  await page.waitForTimeout(400);
  await page.screenshot({ path: `screenshots/${name}.png` });
}

/** An edge by its accessible name. */
export const edge = (page: Page, name: string | RegExp) => page.locator(".react-flow__edge").and(page.getByLabel(name));
