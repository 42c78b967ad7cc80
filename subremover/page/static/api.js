// Asks the server. What it answers is described in docs/page.md.

import { t } from "./words.js";

export class Refusal extends Error {
  /** What the server would not do: `reason` is a word of its, `status` of HTTP. */
  constructor(status, body) {
    super(body?.error ?? t("server-refused", { status }));
    this.status = status;
    this.reason = body?.reason ?? "";
    this.body = body ?? {};
  }
}

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`/api/${path}`, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { error: t("server-gone"), reason: "gone" });
  }
  if (answer.ok) return answer;
  throw new Refusal(answer.status, await answer.json().catch(() => null));
}

const asJson = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body ?? {}),
});

export const get = async (path, options) => (await request(path, options)).json();
export const post = async (path, body) => (await request(path, asJson("POST", body))).json();
export const put = async (path, body) => (await request(path, asJson("PUT", body))).json();
export const getBytes = async (path) => (await request(path)).arrayBuffer();
export const getFile = async (path) => (await request(path)).blob();
export const getPicture = async (path) => createImageBitmap(await getFile(path));
/** A picture, and the index of the frame that it is. */
export async function getFrame(path) {
  const answer = await request(path);
  return { picture: await createImageBitmap(await answer.blob()), frame: +answer.headers.get("Frame-Index") };
}
export const postPicture = async (path, blob) =>
  (await request(path, { method: "POST", headers: { "Content-Type": "image/png" }, body: blob })).json();

/** A number of seconds as 0:01:30.250. */
export function formatTime(seconds) {
  const all = Math.round(Math.max(0, seconds) * 1000);
  const part = (value, digits) => String(value).padStart(digits, "0");
  return `${Math.floor(all / 3600000)}:${part(Math.floor(all / 60000) % 60, 2)}:${part(Math.floor(all / 1000) % 60, 2)}.${part(all % 1000, 3)}`;
}

/** How long something takes, as a person says it. */
export function formatLength(seconds) {
  if (seconds < 60) return t("length-seconds", { n: Math.max(1, Math.round(seconds)) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t("length-minutes", { n: minutes });
  return t("length-hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A number of bytes, in units of 1000. */
export function formatSize(bytes) {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}

export const percent = (share) => `${Math.floor(100 * share)} %`;
