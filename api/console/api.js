// Asks the API. The key lives in this tab's session storage and goes nowhere but into the Authorization header.

const SLOT = "errand.key";

/** What the server did not do, and why. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `The server answered ${status}.`);
    this.status = status;
    this.errors = problem?.errors ?? [];
  }
}

export const key = {
  get: () => sessionStorage.getItem(SLOT),
  set: (value) => sessionStorage.setItem(SLOT, value),
  forget: () => sessionStorage.removeItem(SLOT),
};

/** An answer of the API; throws `Refused` where it is not one of success. */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = { Authorization: `Bearer ${key.get() ?? ""}`, ...headers };
  let payload = body;
  if (body !== undefined && !(body instanceof FormData)) {
    sent["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers: sent, body: payload, signal, cache: "no-store", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { detail: "The server does not answer. Is it running?" });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  if (answer.status === 401) window.dispatchEvent(new CustomEvent("wrong-key", { detail: problem?.detail }));
  throw new Refused(answer.status, problem);
}

/** An answer's JSON. */
export async function json(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.json();
}

/** The path of a task, and of what is below it. */
export function taskPath(id, ...rest) {
  return ["/v1/tasks", id, ...rest].map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join("/");
}

/** Saves what a path answers with as a file. */
export async function download(path, name) {
  const address = URL.createObjectURL(await (await ask(path)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name.split("/").pop();
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
