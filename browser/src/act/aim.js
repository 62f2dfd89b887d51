// Finds the place where a click on an element would hit it. Called with `this` as the node.
async function (patience_ms, may_be_disabled) {
    const COVERED_MS = 500;
    const node = this.nodeType === Node.ELEMENT_NODE ? this : this.parentElement;
    if (!node || !node.isConnected) return { state: "gone" };
    if (document.visibilityState === "hidden") return { state: "away" };

    // Nothing moves between two looks at the same frame, so the clock is only for pages that paint none.
    const nextFrame = () => new Promise(next => {
        const timer = setTimeout(next, 300);
        requestAnimationFrame(() => { clearTimeout(timer); next(); });
    });
    const boxes = element => [...element.getClientRects()].filter(box => box.width > 0 && box.height > 0);
    const isSeen = element => boxes(element).length > 0 && element.checkVisibility({ visibilityProperty: true });
    // A box to tick is often hidden, with a label drawn in its place.
    const seen = () => isSeen(node) ? node : [...(node.labels ?? [])].find(isSeen);

    // The part of a box that lies in the view.
    const clipped = box => {
        const left = Math.max(box.left, 0), top = Math.max(box.top, 0);
        const right = Math.min(box.right, innerWidth), bottom = Math.min(box.bottom, innerHeight);
        return { left, top, width: right - left, height: bottom - top };
    };
    const inView = element => boxes(element).map(clipped).filter(box => box.width >= 1 && box.height >= 1);
    const middle = box => ({ x: box.left + box.width / 2, y: box.top + box.height / 2, ...box });

    // All of what lies over an element, of which a part was hit.
    const whole = (hit, inner) => {
        for (let outer; (outer = hit.parentElement) && outer !== document.body && !outer.contains(inner);) hit = outer;
        return hit;
    };
    // What covers the element at a point; nothing if the point hits it. Goes outwards, through closed shadow roots too.
    const covers = (element, x, y) => {
        const style = getComputedStyle(element);
        for (let inner = element; ;) {
            const root = inner.getRootNode();
            const hit = root.elementFromPoint(x, y);
            if (!hit) return root.host ?? document.documentElement;
            const isHit = inner.contains(hit)
                || (hit.assignedSlot && inner.contains(hit.assignedSlot))
                || (root.host && (hit === root.host || root.host.contains(hit)))
                || hit.closest("label")?.control === element
                || (style.pointerEvents === "none" && hit !== document.documentElement && hit.contains(inner));
            if (!isHit) return whole(hit, inner);
            if (!root.host) return null;
            inner = root.host;
        }
    };
    const named = element => {
        const mark = element.id ? "#" + element.id : element.classList.length ? "." + element.classList[0] : "";
        const text = (element.getAttribute("aria-label") ?? element.innerText ?? "").replace(/\s+/g, " ").trim();
        const short = text.length > 60 ? text.slice(0, 60) + "…" : text;
        return (element.localName + mark).slice(0, 60) + (short ? ` "${short}"` : "");
    };

    const begun = performance.now();
    let tries = 0;
    for (;;) {
        const passed = performance.now() - begun;
        const element = seen();
        if (!element) {
            if (passed > COVERED_MS) return { state: "invisible" };
            await nextFrame();
            continue;
        }
        if (!may_be_disabled && node.matches(":disabled, [aria-disabled=true]")) {
            if (passed > COVERED_MS) return { state: "disabled" };
            await nextFrame();
            continue;
        }
        if (!inView(element).length) element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        const before = JSON.stringify(boxes(element));
        await nextFrame();
        if (JSON.stringify(boxes(element)) !== before) {
            if (passed > patience_ms) return { state: "moving" };
            continue;
        }
        const places = inView(element).map(middle);
        const free = places.find(place => !covers(element, place.x, place.y));
        if (free) return { state: "ok", place: free };
        if (passed > COVERED_MS) {
            if (!places.length) return { state: "invisible" };
            return { state: "covered", by: named(covers(element, places[0].x, places[0].y)) };
        }
        // What sticks to an edge of the view may lie over it: another edge may be free.
        const block = ["end", "start", "center"][tries];
        if (block) element.scrollIntoView({ block, inline: "nearest", behavior: "instant" });
        tries += 1;
    }
}
