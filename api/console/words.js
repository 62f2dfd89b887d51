// Says numbers, times and names of the API in words. Pure functions, no page.

const UNITS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1_000]];

/** How long ago: `3 minutes ago`. */
export function age(ms, now = Date.now()) {
  const gone = now - ms;
  for (const [name, size] of UNITS) {
    const count = Math.floor(gone / size);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

export const time = (ms) => new Date(ms).toLocaleString();
export const clock = (ms) => new Date(ms).toLocaleTimeString();
export const count = (n) => Number(n).toLocaleString();

export function bytes(n) {
  const names = ["bytes", "KiB", "MiB", "GiB"];
  let at = 0;
  while (n >= 1024 && at < 3) { n /= 1024; at += 1; }
  return `${Number(n.toFixed(1))} ${names[at]}`;
}

export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(1))} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Number((ms / 3_600_000).toFixed(1))} h`;
}

/** Names of the budget. */
export const BUDGET = { model_calls: "Model calls", tool_calls: "Tool calls", tokens: "Tokens", wall_ms: "Running time" };
export const budget = (name, n) => (name === "wall_ms" ? duration(n) : count(n));

/** What a command is held to, one sentence each. */
export const HOLDS = {
  not_root: "It runs as an ordinary user.",
  own_uid: "Each workspace has a host user of its own.",
  no_capabilities: "It has no capabilities.",
  seccomp: "A filter stands before system calls.",
  no_new_privileges: "It cannot gain privileges.",
  no_nested_namespaces: "It cannot make namespaces of its own.",
  browser_sandbox: "Pages run in the browser's own sandbox within ours.",
  loopback_only: "It has no network interface but its own loopback.",
  read_only_system: "The system's files are read-only.",
  read_only_kernel: "Kernel settings are read-only.",
  host_files_hidden: "Files of this machine are hidden.",
  tool_tree_read_only: "The tools it is given are read-only.",
  host_environment_hidden: "Environment variables of this machine are hidden.",
  tree_ends: "Nothing that it starts outlives it.",
};

/** A name of the API as words: `no_new_privileges` to `no new privileges`. */
export const plain = (name) => String(name).replaceAll("_", " ");

export function limit(name, value) {
  if (typeof value !== "number") return plain(value);
  if (name.includes("bytes") || name.includes("disk")) return bytes(value);
  if (name.endsWith("_ms")) return duration(value);
  if (name.endsWith("percent")) return `${value} % of one processor`;
  return count(value);
}

/** What a limit is of. */
export function limitName(name) {
  if (name === "wall_ms") return "running time";
  return plain(name.replace(/_(ms|bytes|percent)$/, "").replace("cpu", "processor time"));
}

export function network(reach) {
  if (!reach) return "not stated";
  const { mode, hosts } = reach;
  if (mode === "none") return "no network";
  if (mode === "allow_list") return `${Array.isArray(hosts) ? hosts.join(", ") : `hosts of a list of ${hosts}`} only`;
  if (mode === "open") return "any public host";
  return mode === "machine" ? "the machine's own network, with nothing between" : plain(mode);
}
