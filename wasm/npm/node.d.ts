export * from "./netpolicy.js";
export { default } from "./netpolicy.js";
