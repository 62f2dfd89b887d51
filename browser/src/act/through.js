// Leads a place in a frame out to the document that the frame lies in. Called with `this` as the frame's element.
async function (x, y) {
    if (!this.isConnected) return { state: "gone" };
    const outside = () => {
        const box = this.getBoundingClientRect(), style = getComputedStyle(this);
        const left = box.left + this.clientLeft + parseFloat(style.paddingLeft);
        const top = box.top + this.clientTop + parseFloat(style.paddingTop);
        return { left, top };
    };
    const isInView = at => at.left + x >= 0 && at.top + y >= 0 && at.left + x < innerWidth && at.top + y < innerHeight;
    let at = outside();
    if (!isInView(at)) {
        window.scrollBy({ left: at.left + x - innerWidth / 2, top: at.top + y - innerHeight / 2, behavior: "instant" });
        at = outside();
        if (!isInView(at)) {
            this.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
            at = outside();
        }
    }
    if (!isInView(at)) return { state: "invisible" };
    for (let inner = this; ;) {
        const root = inner.getRootNode(), hit = root.elementFromPoint(at.left + x, at.top + y);
        if (!hit || !inner.contains(hit)) {
            const by = hit ? hit.localName + (hit.id ? "#" + hit.id : "") : "nothing that can be named";
            return { state: "covered", by: by.slice(0, 60) };
        }
        if (!root.host) return { state: "ok", ...at };
        inner = root.host;
    }
}
