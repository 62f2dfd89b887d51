// Chooses entries of a list. Called with `this` as the node. An entry is named by its text or its value.
function (wanted) {
    if (!this.isConnected) return { state: "gone" };
    if (this.localName !== "select") return { state: "unfit" };
    if (this.matches(":disabled")) return { state: "disabled" };
    const short = text => text.replace(/\s+/g, " ").trim();
    const options = [...this.options];
    const find = name => options.find(option => short(option.label) === short(name)) ?? options.find(option => option.value === name)
        ?? options.find(option => short(option.label).toLowerCase() === short(name).toLowerCase());
    const offered = () => options.slice(0, 20).map(option => `"${short(option.label).slice(0, 60)}"`).join(", ")
        + (options.length > 20 ? ` and ${options.length - 20} more` : "");
    const chosen = [];
    for (const name of wanted) {
        const option = find(name);
        if (!option || option.disabled) return { state: "missing", wanted: name, offered: offered() };
        chosen.push(option);
    }
    if (!this.multiple && chosen.length !== 1) return { state: "missing", wanted: wanted.join(", "), offered: "one entry at a time" };
    this.focus({ preventScroll: false });
    for (const option of options) option.selected = chosen.includes(option);
    this.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    this.dispatchEvent(new Event("change", { bubbles: true }));
    return { state: "done" };
}
