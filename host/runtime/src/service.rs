//! What a guest may be given by the host, and how it gets it.
//!
//! A service is linked once for a component and a set of interfaces ([`Service::link`]), and given to an instance as a value
//! ([`Services`]). The runtime knows services by their interface's name only.

use crate::door::Weigh;
use crate::grant::{PACKAGE, VERSION};
use crate::limits::TICK_MS;
use crate::state::State;
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::{Duration, Instant};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower};

const TICK: Duration = Duration::from_millis(TICK_MS);

/// What an async function gives when it is kept as a value.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One interface of the contract, implemented by the host.
///
/// The value belongs to one instance; what outlives it (a run's staged storage, its log) lies behind a shared pointer inside.
pub trait Service: Send + Sized + 'static {
    /// The interface's name in the contract: `files`.
    const INTERFACE: &'static str;

    /// Names every function of the interface. Called once for a component, before any instance; what it links are plain
    /// functions of the instance's own value, so nothing of one run can end up in another.
    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError>;
}

/// A function that can't be linked: its name is taken.
#[derive(Debug, thiserror::Error)]
#[error("can't link a host function")]
pub struct LinkError(#[source] wasmtime::Error);

/// The functions of one interface, while they are linked. Each passes the door: it is counted and weighed.
pub struct Functions<'a, S> {
    instance: LinkerInstance<'a, State>,
    service: PhantomData<fn(S)>,
}

impl<S: Service> Functions<'_, S> {
    /// A function that answers at once. Parameters and results are tuples of the contract's types.
    pub fn quick<P, R>(&mut self, name: &str, body: fn(&mut S, P) -> R) -> Result<&mut Self, LinkError>
    where
        P: ComponentNamedList + Lift + Weigh + Send + 'static,
        R: ComponentNamedList + Lower + Weigh + Send + 'static,
    {
        self.instance
            .func_wrap(name, move |mut store: StoreContextMut<'_, State>, parameters: P| {
                let state = store.data_mut();
                state.door.enter(S::INTERFACE, parameters.bytes())?;
                let result = body(state.services.get::<S>()?, parameters);
                state.door.carry(result.bytes())?;
                Ok(result)
            })
            .map_err(LinkError)?;
        Ok(self)
    }

    /// A function that may wait. Waiting isn't charged to the guest's processor time, only to the clock on the wall.
    pub fn waiting<P, R>(
        &mut self,
        name: &str,
        body: for<'s> fn(&'s mut S, P) -> BoxFuture<'s, R>,
    ) -> Result<&mut Self, LinkError>
    where
        P: ComponentNamedList + Lift + Weigh + Send + 'static,
        R: ComponentNamedList + Lower + Weigh + Send + 'static,
    {
        self.instance
            .func_wrap_async(name, move |mut store: StoreContextMut<'_, State>, parameters: P| {
                Box::new(async move {
                    let state = store.data_mut();
                    state.door.enter(S::INTERFACE, parameters.bytes())?;
                    let entered = Instant::now();
                    let result = body(state.services.get::<S>()?, parameters).await;
                    state.door.carry(result.bytes())?;
                    // Only after a whole tick, or a guest that calls often enough would never be charged.
                    if entered.elapsed() >= TICK {
                        store.set_epoch_deadline(1);
                    }
                    Ok(result)
                })
            })
            .map_err(LinkError)?;
        Ok(self)
    }
}

/// The services that an instance is given. Those that the grant doesn't name are dropped unlinked.
#[derive(Default)]
pub struct Services {
    by_interface: BTreeMap<&'static str, Given>,
}

struct Given {
    kind: TypeId,
    link: fn(&mut Linker<State>) -> Result<(), LinkError>,
    value: Box<dyn Any + Send>,
}

/// Which services a component was linked with: interfaces and the types that implement them.
pub(crate) type Links = Vec<(&'static str, TypeId)>;

impl Services {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more; the last one for an interface counts.
    pub fn with<S: Service>(mut self, service: S) -> Self {
        let given = Given { kind: TypeId::of::<S>(), link: link::<S>, value: Box::new(service) };
        self.by_interface.insert(S::INTERFACE, given);
        self
    }

    /// Keeps only these interfaces.
    pub(crate) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.by_interface.retain(|interface, _| wanted(interface));
    }

    /// Whether this interface is among them.
    pub fn has(&self, interface: &str) -> bool {
        self.by_interface.contains_key(interface)
    }

    pub(crate) fn links(&self) -> Links {
        self.by_interface.iter().map(|(interface, given)| (*interface, given.kind)).collect()
    }

    pub(crate) fn link(&self, linker: &mut Linker<State>) -> Result<(), LinkError> {
        self.by_interface.values().try_for_each(|given| (given.link)(linker))
    }

    fn get<S: Service>(&mut self) -> wasmtime::Result<&mut S> {
        self.by_interface
            .get_mut(S::INTERFACE)
            .and_then(|given| given.value.downcast_mut())
            .ok_or_else(|| wasmtime::Error::new(crate::fault::Stop::Absent(S::INTERFACE.to_owned())))
    }
}

fn link<S: Service>(linker: &mut Linker<State>) -> Result<(), LinkError> {
    let name = format!("{PACKAGE}{}@{VERSION}", S::INTERFACE);
    let instance = linker.instance(&name).map_err(LinkError)?;
    S::link(&mut Functions { instance, service: PhantomData })
}
