// The tool calls of a task: each with what came of it, what it was held to, what it reached, and what its browser showed.

import { ask, taskPath } from "/console/api.js";
import { isolation, statement } from "/console/computer.js";
import { badge, fill, h } from "/console/dom.js";
import { bytes, duration, plain } from "/console/words.js";

export class Calls {
  constructor(task, signal) {
    this.task = task;
    this.signal = signal;
    this.rows = new Map();
    this.list = h("div");
    this.element = h("section", { class: "card", hidden: true }, h("h2", {}, "Tool calls"), this.list);
  }

  /** Takes the next event of the log. */
  take(event) {
    const { kind, data } = event;
    if (!data?.call || !/^(tool|network|browser|call)\./.test(kind)) return;
    const row = this.rows.get(data.call) ?? this.add(data);
    if (kind === "network.used") row.network.push(data);
    else if (kind === "browser.acted") row.acts.push(event);
    else row[kind] = data;
    this.draw(row);
  }

  add(data) {
    const row = { network: [], acts: [], pictures: new Map(), line: h("summary", { class: "row" }), body: h("div", { class: "inner" }) };
    row.element = h("details", { class: "call", ontoggle: () => this.draw(row) }, row.line, row.body);
    this.rows.set(data.call, row);
    this.list.append(row.element);
    this.element.hidden = false;
    return row;
  }

  draw(row) {
    const { "tool.intended": begun, "tool.returned": back, "tool.unknown": unknown, "call.held": held, "call.decided": decided } = row;
    const any = begun ?? held ?? back ?? unknown ?? decided ?? row.acts[0]?.data ?? row.network[0];
    const [word, kind] = back ? (back.ok ? ["ok", "succeeded"] : ["not ok", "failed"])
      : unknown ? ["unknown", "waiting"] : held && !begun ? [decided ? plain(decided.decision) : "held", "waiting"] : ["at work", "running"];
    const label = back?.label ?? begun?.label;
    fill(row.line, badge(word, kind), h("span", { class: "grow" }, h("b", {}, any.tool), " ", begun?.summary ?? held?.summary ?? "",
      back ? h("small", {}, [duration(back.duration_ms), back.changed_files ? `${back.changed_files} files changed` : null].filter(Boolean).join(", ")) : null),
    label && label !== "user" ? badge(plain(label), "taint") : null, isolation(back?.enforced, back?.isolation));
    // Statements and pictures are made when somebody looks.
    if (!row.element.open) return;
    fill(row.body, label ? h("p", {}, `Label: ${plain(label)}${label === "user" ? "" : " (what it says comes from a stranger)"}`) : null,
      unknown ? h("p", { class: "notice" }, unknown.reason) : null,
      held ? h("p", { class: "notice" }, held.reason) : null,
      decided ? h("p", {}, `Decided: ${plain(decided.decision)}${decided.note ? `, “${decided.note}”` : ""}`) : null,
      row.network.map(network), row.acts.map((event) => this.act(row, event)),
      back?.enforced ? statement(back.enforced) : back?.isolation === "unsandboxed" ? h("p", { class: "fault" }, "It ran unsandboxed.") : null);
  }

  act(row, event) {
    const { action, url, title, target, image } = event.data;
    const figure = h("figure", {}, h("figcaption", {}, action, h("small", {}, [title, url].filter(Boolean).join(" · "))));
    if (image) figure.append(this.picture(row, event.seq, action, target, image));
    return figure;
  }

  picture(row, seq, action, target, { width, height }) {
    if (!row.pictures.has(seq)) {
      const canvas = h("canvas", { width, height, role: "img", "aria-label": `The page after: ${action}` });
      row.pictures.set(seq, canvas);
      this.paint(canvas, seq, target).catch(() => canvas.replaceWith(h("p", { class: "quiet" }, "The picture cannot be had.")));
    }
    return row.pictures.get(seq);
  }

  async paint(canvas, seq, target) {
    const answer = await ask(taskPath(this.task, "events", seq, "image"), { signal: this.signal });
    const bitmap = await createImageBitmap(await answer.blob());
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (!target) return;
    pen.lineWidth = 3;
    pen.strokeStyle = "#d6006c";
    pen.strokeRect(target.x, target.y, target.width, target.height);
  }
}

function network({ decisions = [], beyond }) {
  return [h("h3", {}, "Network"), h("ul", {}, decisions.map((d) => h("li", { class: d.refused ? "refused" : "" },
    `${d.host}:${d.port} ${d.refused ? `refused: ${d.refused}` : `allowed, ${bytes(d.bytes_up)} up, ${bytes(d.bytes_down)} down`}${d.times > 1 ? `, ${d.times} times` : ""}`)),
  beyond ? h("li", {}, `and ${beyond} more`) : null)];
}
