//! The background programs of steps, by name: which run where, and their ports for others of the same step.
//!
//! They live in this process only. When it ends, or the step's workspace does, they end; a model that asks for one
//! afterwards is told so.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_core::id::CallId;
use agent_core::network::NetworkDecisions;
use agent_core::ports::workspaces::Place;
use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::browser::Neighbours;
use crate::network::Exit;
use crate::sandbox::{Outlet, Port, Session};
use crate::workspace::Entered;

/// Running at the same time in one step.
pub(crate) const AT_ONCE_MAX: usize = 8;
/// Ended ones that are remembered, so that their last words can be read.
const ENDED_MAX: usize = 16;
/// Ports of one step's background programs that its other programs reach.
const PORTS_MAX: usize = 16;
/// What names of programs with a way out begin with, and those of others.
const OUTWARD: &str = "n";
const INWARD: &str = "s";
/// Ports that a program may not take from others of its step.
const RESERVED: [u16; 1] = [crate::network::PROXY_PORT];

/// A program in the background, and the way out that it has.
pub(crate) struct Background {
    pub session: Session,
    /// The call that started it.
    pub call: CallId,
    pub exit: Option<Arc<Exit>>,
    /// Ports of its loopback that were opened for it, and so lead to others.
    pub lent: Vec<u16>,
}

/// Whether a program of this name was started with a way out: what is typed into it may have an effect outside.
pub(crate) fn reaches_out(name: &str) -> bool {
    name.starts_with(OUTWARD)
}

impl Background {
    /// What it tried to reach since the last time, and what was decided.
    pub fn take_decisions(&self) -> NetworkDecisions {
        let exit = self.exit.as_ref();
        exit.map(|exit| exit.take_decisions()).unwrap_or_default()
    }

    fn runs(&self) -> bool {
        self.session.over().is_none()
    }

    /// Whether others of the step may reach its ports. Those of a program with a way out only who has the network too: through
    /// them it could reach out as well.
    fn is_open(&self, with_outward: bool) -> bool {
        self.runs() && (self.exit.is_none() || with_outward)
    }
}

/// All background programs of this process.
#[derive(Default)]
pub(crate) struct Sessions {
    by_place: Mutex<HashMap<Place, OfPlace>>,
    /// Counts names. No name is given twice, so that none is taken for one that is gone.
    last: AtomicU64,
}

struct OfPlace {
    /// Cancelled when the files that they belong to come to an end. Nothing more of the workspace is held, so that it can.
    stopped: CancellationToken,
    sessions: Vec<(String, Arc<Background>)>,
}

impl Sessions {
    fn by_place(&self) -> MutexGuard<'_, HashMap<Place, OfPlace>> {
        let mut by_place = self.by_place.lock().unwrap_or_else(PoisonError::into_inner);
        by_place.retain(|_, of_place| !of_place.stopped.is_cancelled());
        by_place
    }

    /// Remembers a program that was started, and gives it its name.
    pub fn add(
        &self,
        place: &Place,
        entered: &Entered,
        background: Background,
    ) -> (String, Arc<Background>) {
        let mut by_place = self.by_place();
        let of_place = by_place.entry(place.clone()).or_insert_with(|| OfPlace {
            stopped: entered.token(),
            sessions: Vec::new(),
        });
        let kind = match background.exit {
            Some(_) => OUTWARD,
            None => INWARD,
        };
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{kind}{number}");
        let background = Arc::new(background);
        of_place
            .sessions
            .push((name.clone(), Arc::clone(&background)));
        let mut ended = of_place.sessions.len().saturating_sub(ENDED_MAX);
        of_place.sessions.retain(|(_, session)| {
            let goes = ended > 0 && !session.runs();
            ended -= usize::from(goes);
            !goes
        });
        (name, background)
    }

    /// Adds what the programs of a place tried to reach since the last time.
    pub fn add_decisions(&self, place: &Place, decisions: &mut NetworkDecisions) {
        for (_, background) in self.all(place) {
            let more = background.take_decisions();
            decisions.beyond += more.beyond;
            for decision in more.named {
                decisions.add(decision);
            }
        }
    }

    /// The program of this name.
    pub fn find(&self, place: &Place, name: &str) -> Option<Arc<Background>> {
        let by_place = self.by_place();
        let mut of_place = by_place.get(place)?.sessions.iter();
        let found = of_place.find(|(known, _)| known == name);
        found.map(|(_, session)| Arc::clone(session))
    }

    /// The names of all programs of a place, those that run first.
    pub fn names(&self, place: &Place) -> Vec<String> {
        let mut all = self.all(place);
        all.sort_by_key(|(_, background)| !background.runs());
        all.into_iter().map(|(name, _)| name).collect()
    }

    /// The names of those that run; nothing where the place never had one, or has begun anew.
    pub fn running_names(&self, place: &Place) -> Option<Vec<String>> {
        let all = self.all(place);
        let running = all.iter().filter(|(_, background)| background.runs());
        let names = running.map(|(name, _)| name.clone());
        (!all.is_empty()).then(|| names.collect())
    }

    /// How many of a place run.
    pub fn running(&self, place: &Place) -> usize {
        let all = self.all(place);
        let running = all.iter().filter(|(_, background)| background.runs());
        running.count()
    }

    fn all(&self, place: &Place) -> Vec<(String, Arc<Background>)> {
        let by_place = self.by_place();
        by_place
            .get(place)
            .map(|of_place| of_place.sessions.clone())
            .unwrap_or_default()
    }

    /// This place, then the others of its task that have programs.
    fn places_of_task(&self, place: &Place) -> Vec<Place> {
        let by_place = self.by_place();
        let others = by_place.keys().filter(|other| {
            other.tenant == place.tenant && other.task == place.task && *other != place
        });
        std::iter::once(place).chain(others).cloned().collect()
    }

    /// Connects to the program of this place that listens on a port.
    async fn connect(&self, place: &Place, port: u16, with_outward: bool) -> Option<TcpStream> {
        for (_, background) in self.all(place) {
            if !background.is_open(with_outward) || background.lent.contains(&port) {
                continue;
            }
            if let Ok(reached) = background.session.connect(port).await {
                return Some(reached);
            }
        }
        None
    }

    /// The ports on which programs of this place listen now, each leading to its program.
    pub async fn ports(&self, place: &Place, with_outward: bool) -> Vec<Port> {
        let mut ports: Vec<Port> = Vec::new();
        for (_, background) in self.all(place) {
            if !background.is_open(with_outward) {
                continue;
            }
            for number in background.session.ports().await.unwrap_or_default() {
                let is_lent = background.lent.contains(&number);
                let is_taken = ports.iter().any(|port| port.number == number);
                if is_lent || is_taken || RESERVED.contains(&number) || ports.len() >= PORTS_MAX {
                    continue;
                }
                let neighbour = Neighbour {
                    background: Arc::clone(&background),
                    number,
                };
                ports.push(Port {
                    number,
                    outlet: Arc::new(neighbour),
                });
            }
        }
        ports
    }
}

/// The servers of one task, for its browser.
pub(crate) struct Servers {
    sessions: Arc<Sessions>,
    /// The step whose servers are asked first.
    place: Mutex<Place>,
    with_outward: bool,
}

impl Servers {
    /// Those with a way out are among them if wished.
    pub fn new(sessions: Arc<Sessions>, place: &Place, with_outward: bool) -> Self {
        Self {
            sessions,
            place: Mutex::new(place.clone()),
            with_outward,
        }
    }

    /// Asks the servers of this step first from now on.
    pub fn work_for(&self, place: &Place) {
        place.clone_into(&mut self.place.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl Neighbours for Servers {
    async fn connect(&self, port: u16) -> Option<TcpStream> {
        if RESERVED.contains(&port) {
            return None;
        }
        let place = self
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for place in self.sessions.places_of_task(&place) {
            let reached = self.sessions.connect(&place, port, self.with_outward);
            if let Some(reached) = reached.await {
                return Some(reached);
            }
        }
        None
    }
}

/// A port of another program of the same step.
struct Neighbour {
    background: Arc<Background>,
    number: u16,
}

#[async_trait]
impl Outlet for Neighbour {
    async fn serve(&self, mut connection: TcpStream) {
        let reached = self.background.session.connect(self.number).await;
        let Ok(mut reached) = reached else {
            // Closing is what a connection to a port without a listener comes to.
            return;
        };
        // Either side may go at any time.
        let _ = tokio::io::copy_bidirectional(&mut connection, &mut reached).await;
    }
}
