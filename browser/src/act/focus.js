// Makes an element ready to be typed into. Called with `this` as the node.
function (clear, text) {
    const node = this.nodeType === Node.ELEMENT_NODE ? this : this.parentElement;
    if (!node || !node.isConnected) return { state: "gone" };
    if (document.visibilityState === "hidden") return { state: "away" };
    const TEXT = ["text", "search", "email", "url", "tel", "password", "number"];
    const FORMS = {
        date: "year-month-day, for example 2026-03-31", time: "hour:minute, for example 14:05",
        month: "year-month, for example 2026-03", week: "year-week, for example 2026-W14",
        "datetime-local": "day and time, for example 2026-03-31T14:05", color: "#rrggbb", range: "a number in its range",
    };
    const isInput = node.localName === "input", isArea = node.localName === "textarea";
    if (!isInput && !isArea && !node.isContentEditable) return { state: "unfit", is: `it is a ${node.localName.slice(0, 40)}` };
    if (node.matches(":disabled")) return { state: "disabled" };
    if (node.readOnly) return { state: "unfit", is: "it can be read only" };
    if (isInput && FORMS[node.type]) {
        const before = node.value;
        // The page may have put its own setter in the way of the browser's.
        const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
        set.call(node, text);
        if (text !== "" && node.value !== text && Number(node.value) !== Number(text)) {
            set.call(node, before);
            return { state: "form", wants: FORMS[node.type] };
        }
        node.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
        node.dispatchEvent(new Event("change", { bubbles: true }));
        return { state: "done" };
    }
    if (isInput && !TEXT.includes(node.type)) return { state: "unfit", is: `it is an input of type ${node.type}` };
    node.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    node.focus({ preventScroll: true });
    if (isInput || isArea) {
        if (clear) node.select();
        else if (node.type !== "number" && node.type !== "email") node.setSelectionRange(node.value.length, node.value.length);
        return { state: "ready", empty: node.value === "" };
    }
    const range = document.createRange(), selection = getSelection();
    range.selectNodeContents(node);
    if (!clear) range.collapse(false);
    selection.removeAllRanges();
    selection.addRange(range);
    return { state: "ready", empty: node.textContent === "" };
}
