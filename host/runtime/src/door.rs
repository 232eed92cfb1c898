//! The one door through which a guest reaches the host.
//!
//! Every function of every service is wrapped here: it is counted and its bytes are weighed before and after the service sees it. A
//! service has no other way to be linked, so there is no call that isn't limited. This is also where a run will be recorded.

use crate::contract::{files, graph, log, model};
use crate::fault::Stop;
use crate::limits::Limits;

/// What a guest has used of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Ticks of processor time, [`crate::limits::TICK_MS`] each.
    pub ticks: u64,
    /// Calls to the host.
    pub host_calls: u64,
    /// Bytes exchanged in them.
    pub host_bytes: u64,
}

/// Counts one guest's calls to the host, anew for each call of the guest.
pub(crate) struct Door {
    calls: u64,
    bytes: u64,
    log_bytes: u64,
    most_calls: u64,
    most_bytes: u64,
    most_log_bytes: u64,
}

impl Door {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls: 0,
            bytes: 0,
            log_bytes: 0,
            most_calls: limits.host_calls,
            most_bytes: limits.host_bytes,
            most_log_bytes: limits.log_bytes,
        }
    }

    /// A call of the guest begins.
    pub(crate) fn reset(&mut self) {
        (self.calls, self.bytes, self.log_bytes) = (0, 0, 0);
    }

    /// What this call of the guest has used.
    pub(crate) fn used(&self) -> (u64, u64) {
        (self.calls, self.bytes)
    }

    /// The guest calls `interface`, handing over so many bytes.
    pub(crate) fn enter(&mut self, interface: &str, bytes: usize) -> Result<(), Stop> {
        self.calls += 1;
        if self.calls > self.most_calls {
            return Err(Stop::HostCalls(self.most_calls));
        }
        if interface == crate::grant::LOG {
            self.log_bytes = self.log_bytes.saturating_add(bytes as u64);
            if self.log_bytes > self.most_log_bytes {
                return Err(Stop::LogBytes(self.most_log_bytes));
            }
        }
        self.carry(bytes)
    }

    /// The host answers with so many bytes.
    pub(crate) fn carry(&mut self, bytes: usize) -> Result<(), Stop> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.most_bytes { Err(Stop::HostBytes(self.most_bytes)) } else { Ok(()) }
    }
}

/// How much of the host a value takes up when it crosses, in bytes.
pub trait Weigh {
    /// The bytes of text and data inside; fixed-size parts count by their size.
    fn bytes(&self) -> usize;
}

macro_rules! fixed_size {
    ($($type:ty),*) => {
        $(impl Weigh for $type {
            fn bytes(&self) -> usize {
                size_of::<$type>()
            }
        })*
    };
}

fixed_size!((), bool, u8, u16, u32, u64, i64, log::Level);

impl Weigh for String {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn bytes(&self) -> usize {
        self.iter().map(Weigh::bytes).sum()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(1, Weigh::bytes)
    }
}

impl<T: Weigh, E: Weigh> Weigh for Result<T, E> {
    fn bytes(&self) -> usize {
        match self {
            Ok(value) => value.bytes(),
            Err(error) => error.bytes(),
        }
    }
}

impl<A: Weigh> Weigh for (A,) {
    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl<A: Weigh, B: Weigh> Weigh for (A, B) {
    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.bytes()
    }
}

impl Weigh for files::File {
    fn bytes(&self) -> usize {
        self.name.len() + self.sha256.len() + 12
    }
}

impl Weigh for graph::Request {
    fn bytes(&self) -> usize {
        self.path.len() + 1
    }
}

impl Weigh for graph::Place {
    fn bytes(&self) -> usize {
        match self {
            Self::First(request) => request.bytes(),
            Self::At(link) => link.len(),
        }
    }
}

impl Weigh for graph::Page {
    fn bytes(&self) -> usize {
        let link = match &self.link {
            graph::Link::Next(link) | graph::Link::Delta(link) => link.len(),
            graph::Link::None => 1,
        };
        self.body.len() + link
    }
}

impl Weigh for graph::Failure {
    fn bytes(&self) -> usize {
        match self {
            Self::Refused(refusal) => {
                refusal.code.len() + refusal.message.len() + refusal.request_id.bytes() + 2
            }
            Self::Failed(fault) => fault.bytes(),
        }
    }
}

impl Weigh for model::ObjectRef {
    fn bytes(&self) -> usize {
        match self {
            Self::User(id) | Self::Group(id) => id.len(),
        }
    }
}

impl Weigh for model::Membership {
    fn bytes(&self) -> usize {
        self.group.len() + self.member.len() + 1
    }
}

impl Weigh for model::Fault {
    fn bytes(&self) -> usize {
        use model::Fault;
        match self {
            Fault::Throttled(_) | Fault::CursorExpired | Fault::ResumeLost => 8,
            Fault::Settings(problem) => problem.place.len() + problem.why.len(),
            Fault::Auth(why)
            | Fault::Permission(why)
            | Fault::Network(why)
            | Fault::Source(why)
            | Fault::Bug(why) => why.len(),
        }
    }
}
