//! One call of a tool with the task's browser: the tab that it works in, what it did there, and what the model is told.

use agent_core::browser::{Acted, Area};
use agent_core::hidden::hide;
use agent_core::image::ImageRef;
use agent_core::ports::tool::{SideEffect, ToolError, ToolOutcome};
use browser::page::{Error as PageError, Find, Found, Look, Read, Reading, Reference, Seen, View};
use browser::{
    ActError, CallError, Document, Frames, Node, NodeHandle, Settled, Start, Tab, TargetId,
};

use super::desk::{Desk, Live, NoBrowser, Wanted};
use super::events;
use super::seat::Sitting;
use crate::tool::Context;

/// What stands for what a person typed.
const TYPED: &str = "[what the person typed]";

/// What a call comes to, for the model.
pub(crate) struct Told {
    /// Whether all that was asked was done.
    pub ok: bool,
    /// What was done, or why not.
    pub text: String,
}

/// Why a call stops: something that the model is told.
pub(crate) type Stopped = String;

/// See the module's description.
pub(crate) struct Visit<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) sitting: Sitting<'a>,
    /// Where what happens during the call begins.
    pub(super) mark: u64,
    notes: Vec<String>,
    acted: Vec<Acted>,
    /// Pictures for the model.
    images: Vec<ImageRef>,
}

impl<'a> Visit<'a> {
    /// Begins a call in a browser, which is started if it does not run.
    pub async fn begin(
        context: &'a Context<'a>,
        mut sitting: Sitting<'a>,
        wanted: Wanted<'_>,
    ) -> Result<Self, Result<ToolOutcome, ToolError>> {
        let note = match sitting.desk.ready(wanted).await {
            Ok(note) => note,
            Err(NoBrowser::Launch(error)) => return Err(super::refused(error)),
            Err(error @ (NoBrowser::Speech(_) | NoBrowser::Dies)) => {
                return Err(Ok(ToolOutcome::say(false, error.to_string())));
            }
        };
        sitting.show(&context.call.place);
        let step = &context.call.place.step;
        let mark = sitting
            .desk
            .live
            .as_ref()
            .map_or(0, |live| live.untold(step));
        let notes = note.map(str::to_owned).into_iter();
        let notes = notes.chain(sitting.desk.tell_lost()).collect();
        Ok(Self {
            context,
            sitting,
            mark,
            notes,
            acted: Vec::new(),
            images: Vec::new(),
        })
    }

    fn desk(&mut self) -> &mut Desk {
        &mut self.sitting.desk
    }

    /// The browser that runs.
    pub fn live(&mut self) -> Result<&mut Live, Stopped> {
        let gone = || "the browser has ended; call again, and it is started anew".to_owned();
        self.desk().live.as_mut().ok_or_else(gone)
    }

    /// The tab that the step works in, or the one of this name, which it works in from now on.
    pub fn tab(&mut self, name: Option<&str>) -> Result<Tab, Stopped> {
        self.take_in_tabs()?;
        let step = self.context.call.place.step.clone();
        let desk = self.desk();
        let target = if let Some(name) = name {
            let target = desk.tabs.named(&step, name);
            let target = target.ok_or_else(|| format!("there is no tab {name:?}"))?;
            desk.tabs.switch(&step, &target);
            target
        } else {
            let current = desk.tabs.current(&step).cloned();
            current.ok_or("no page is open; open one with browser_open")?
        };
        let tab = self.live()?.browser.tab(&target);
        tab.map_err(|error| error.to_string())
    }

    /// A new tab, in which the step works from now on.
    pub async fn new_tab(&mut self) -> Result<Tab, Stopped> {
        let tab = self.opened_tab().await?;
        let step = self.context.call.place.step.clone();
        let desk = self.desk();
        desk.tabs.add(tab.id(), &step);
        desk.tabs.switch(&step, tab.id());
        self.sitting.show(&self.context.call.place);
        Ok(tab)
    }

    /// A tab more. Where there are too many, those of steps that have ended go first.
    async fn opened_tab(&mut self) -> Result<Tab, Stopped> {
        let opened = self.live()?.browser.open_tab().await;
        let Err(error) = opened else {
            return opened.map_err(|error| error.to_string());
        };
        let working = self.sitting.working_steps();
        let desk = &mut *self.sitting.desk;
        let own = desk.live.as_ref().and_then(|live| live.own_tab.clone());
        let open = desk.live.as_ref().map(|live| live.browser.tabs());
        for tab in open.into_iter().flatten() {
            let step = desk.tabs.step(tab.id());
            let is_left = step.is_none_or(|step| !working.contains(step));
            if is_left && own.as_ref() != Some(tab.id()) {
                // What cannot be closed still counts, and the next try says so.
                let _ = tab.close().await;
            }
        }
        let opened = self.live()?.browser.open_tab().await;
        opened.map_err(|_| format!("no tab could be opened: {error}"))
    }

    /// The step's tabs with their names; the one that it works in is marked.
    pub fn tabs(&mut self) -> Result<Vec<(String, Tab, bool)>, Stopped> {
        self.take_in_tabs()?;
        let step = self.context.call.place.step.clone();
        let desk = &mut *self.sitting.desk;
        let current = desk.tabs.current(&step).cloned();
        let Some(live) = &desk.live else {
            return Ok(Vec::new());
        };
        let own = desk.tabs.of(&step).into_iter().filter_map(|target| {
            let name = desk.tabs.name(&target)?;
            let is_current = current.as_ref() == Some(&target);
            Some((name, live.browser.tab(&target).ok()?, is_current))
        });
        Ok(own.collect())
    }

    /// See [`Desk::take_in`].
    fn take_in_tabs(&mut self) -> Result<(), Stopped> {
        self.live()?;
        let step = self.context.call.place.step.clone();
        self.desk().take_in(&step);
        self.sitting.show(&self.context.call.place);
        Ok(())
    }

    fn seen(&mut self, tab: &Tab) -> Result<&mut Seen, Stopped> {
        self.live()?;
        Ok(self.desk().seen.entry(tab.id().clone()).or_default())
    }

    /// Looks at a tab.
    pub async fn look(&mut self, tab: &Tab, look: &Look) -> Result<View, Stopped> {
        let looked = self.seen(tab)?.look(tab, look).await;
        match looked {
            Ok(view) => Ok(view),
            Err(error) => Err(self.page_trouble(tab, error).await),
        }
    }

    /// Searches a tab.
    pub async fn find(&mut self, tab: &Tab, wanted: &Find) -> Result<Found, Stopped> {
        let found = self.seen(tab)?.find(tab, wanted).await;
        match found {
            Ok(found) => Ok(found),
            Err(error) => Err(self.page_trouble(tab, error).await),
        }
    }

    /// Reads the text of a tab.
    pub async fn read(&mut self, tab: &Tab, wanted: &Read) -> Result<Reading, Stopped> {
        let reading = self.seen(tab)?.read(tab, wanted).await;
        match reading {
            Ok(reading) => Ok(reading),
            Err(error) => Err(self.page_trouble(tab, error).await),
        }
    }

    /// What a tab is called.
    pub fn name(&self, tab: &Tab) -> String {
        self.name_of(tab.id()).unwrap_or_default()
    }

    /// What the tab with this target is called.
    pub fn name_of(&self, target: &TargetId) -> Option<String> {
        self.sitting.desk.tabs.name(target)
    }

    /// Where in what happens the call began.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// The stored secret of this name, if the task was granted it and it is for this host and port.
    pub fn secret(&self, name: &str, host: &str, port: u16) -> Option<String> {
        let mut credentials = self.context.call.grants.credentials.iter();
        let found = credentials.find(|one| one.name.as_str() == name && one.is_for(host, port))?;
        Some(found.secret.expose().to_owned())
    }

    /// The node of a reference, and what it is in words. Of a label, with `field`, the field that it stands for.
    pub async fn node(
        &mut self,
        tab: &Tab,
        named: &str,
        field: bool,
    ) -> Result<(NodeHandle, String), Stopped> {
        let reference: Reference = named.parse().map_err(|error| format!("{error}"))?;
        let seen = self.seen(tab)?;
        let found = if field {
            seen.field(tab, reference).await
        } else {
            seen.node(tab, reference).await
        };
        let object = match found {
            Ok(object) => object,
            Err(error) => return Err(self.page_trouble(tab, error).await),
        };
        let was = self.seen(tab)?.explain(reference).was;
        let what = was.map(|(role, name)| format!(" {role} {name:?}"));
        let node = NodeHandle {
            frame: object.frame,
            session: object.session,
            node: Node::Object(object.id),
        };
        Ok((node, format!("[{reference}]{}", what.unwrap_or_default())))
    }

    async fn page_trouble(&mut self, tab: &Tab, error: PageError) -> Stopped {
        match error {
            PageError::Call(error) => self.trouble(tab, &error).await,
            error @ (PageError::NoPage | PageError::Dead(_) | PageError::Unreadable(_)) => {
                error.to_string()
            }
        }
    }

    /// Says what a failed call means, after what helps was done.
    pub async fn trouble(&mut self, tab: &Tab, error: &CallError) -> Stopped {
        if *error == CallError::DialogOpen {
            let dialog = tab.dialog().ok().flatten();
            let shown = dialog.map(|dialog| events::shown(&dialog));
            return shown.unwrap_or_else(|| error.to_string());
        }
        let done = self.desk().mend(tab.id(), error).await;
        format!("{error}; {done}")
    }

    /// Says why an action was not done, or that it is not known whether it was.
    pub async fn act_trouble(&mut self, tab: &Tab, error: &ActError) -> Stopped {
        match error {
            ActError::Call(call @ CallError::DialogOpen) => self.trouble(tab, call).await,
            ActError::Call(call) => {
                let told = self.trouble(tab, call).await;
                format!("it is not known whether it was done: {told}. Look before you do it again")
            }
            ActError::Invisible
            | ActError::Moving
            | ActError::Covered(_)
            | ActError::Disabled
            | ActError::NotEditable(_)
            | ActError::WrongForm(_)
            | ActError::NotSelect
            | ActError::NoOption { .. }
            | ActError::NotCheckable(_)
            | ActError::Unchanged
            | ActError::NotFiles
            | ActError::NoKey(_)
            // Some of these quote the page.
            | ActError::Outside => events::one_line(&error.to_string()),
        }
    }

    /// Waits until what was begun has come to rest. Tells if it did not.
    pub async fn settle(
        &mut self,
        tab: &Tab,
        start: Start,
    ) -> Result<Option<&'static str>, Stopped> {
        match tab.settle(start).await {
            Ok(settled) => Ok(busy(settled)),
            // It closed itself; that is told with the tabs.
            Err(CallError::Gone(_)) => Ok(None),
            Err(error) => Err(self.trouble(tab, &error).await),
        }
    }

    /// From now on the page may show a stored secret, so no picture of it is kept.
    pub fn hide(&mut self, tab: &Tab) -> Result<(), Stopped> {
        let document = shown(tab).ok_or("the tab shows no page")?;
        self.live()?.hidden.insert(document);
        Ok(())
    }

    /// Keeps for the log what was done, with a picture of the page as it is now.
    pub async fn acted(&mut self, tab: &Tab, action: &str, target: Option<Area>) {
        let image = self.picture(tab).await;
        let title = tab.title().await.unwrap_or_default();
        let shown = |text: &str| events::one_line(&self.without_secrets(text.to_owned()));
        let url = tab.url().unwrap_or_default();
        let (action, url, title) = (shown(action), shown(&url), shown(&title));
        self.acted.push(Acted {
            action,
            url,
            title,
            target,
            image,
        });
    }

    /// A text without the stored secrets of the task and without what a person typed, before it is cut.
    fn without_secrets(&self, text: String) -> String {
        let credentials = self.context.call.grants.credentials.iter();
        let text = credentials.fold(text, |text, credential| credential.hidden_in(text));
        let typed = self.sitting.desk.typed.iter();
        typed.fold(text, |text, typed| hide(text, typed.expose(), TYPED))
    }

    /// Whether the page may show a stored secret.
    pub fn is_hidden(&mut self, tab: &Tab) -> bool {
        let is_hidden = |live: &mut Live| shown(tab).is_none_or(|page| live.hidden.contains(&page));
        self.live().map_or(true, is_hidden)
    }

    /// A picture of the page, in the blob store. None where it cannot be had: what was done counts without.
    async fn picture(&mut self, tab: &Tab) -> Option<ImageRef> {
        if self.is_hidden(tab) || tab.dialog().ok()?.is_some() {
            return None;
        }
        let bytes = tab.screenshot().await.ok()?;
        let (width, height) = crate::tool::image_size(&bytes)?;
        let tenant = &self.context.call.place.tenant;
        let blob = self.context.shared.blobs.put(tenant, bytes).await;
        let blob = blob
            .inspect_err(|error| tracing::warn!(%error, "a picture of a page is not kept"))
            .ok()?;
        Some(ImageRef {
            blob,
            media_type: "image/jpeg".to_owned(),
            width,
            height,
        })
    }

    /// Shows the model a picture of the page. False if none can be had.
    pub async fn show(&mut self, tab: &Tab) -> bool {
        let picture = self.picture(tab).await;
        let is_there = picture.is_some();
        self.images.extend(picture);
        is_there
    }

    /// Ends the call: what happened meanwhile, downloads that came, and what the browser reached go with it.
    pub async fn end(mut self, told: Result<Told, Stopped>) -> Result<ToolOutcome, ToolError> {
        let Told { ok, text } = told.unwrap_or_else(|text| Told { ok: false, text });
        let mut lines = std::mem::take(&mut self.notes);
        if self.take_in_tabs().is_ok() {
            let notices = self.notices();
            let step = &self.context.call.place.step;
            lines.extend(events::lines(&notices, &self.sitting.desk.tabs, step));
            lines.extend(self.bring_downloads(&notices).await);
        }
        self.desk().save().await;
        let step = self.context.call.place.step.clone();
        if let Some(live) = &mut self.desk().live {
            let told = live.browser.mark();
            live.told.insert(step, told);
        }
        let mut outcome = ToolOutcome::say(ok, String::new());
        if let Some(live) = &self.sitting.desk.live {
            outcome.enforced = Some(Box::new(live.running.enforced().clone()));
            outcome.network = Box::new(live.running.take_decisions());
        }
        let refused = crate::network::refusals(&outcome.network);
        lines.insert(0, text);
        let whole = self.without_secrets(format!("{}{refused}", lines.join("\n")));
        let most = self.context.shared.options.shown_bytes_max;
        outcome.content = crate::tool::cut_middle(&whole, most);
        outcome.side_effects = self.acted.into_iter().map(SideEffect::Acted).collect();
        outcome.images = self.images;
        Ok(outcome)
    }
}

/// What is said of a page that did not come to rest.
pub(crate) fn busy(settled: Settled) -> Option<&'static str> {
    match settled {
        Settled::Still | Settled::Dialog => None,
        Settled::Busy => Some("the page is still busy; this is how it looks so far"),
    }
}

/// The document that a tab shows.
pub(crate) fn shown(tab: &Tab) -> Option<Document> {
    let frames = tab.frames();
    frames.first().map(|frame| frame.document.clone())
}
