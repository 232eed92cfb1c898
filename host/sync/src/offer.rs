//! What a method is offered in one run, or outside one: the services of the host and the mirror of its own connection.

use crate::mirror::Mirror;
use usher_runtime::Service;
use usher_services::Services;

/// Whether plugins can be served this interface.
pub fn serves(interface: &str) -> bool {
    usher_services::serves(interface) || interface == Mirror::INTERFACE
}

/// What one connection's method is offered; the grant decides what it gets. It outlives instances.
pub struct Offer {
    /// Files, storage and the others.
    pub services: Services,
    /// What the host holds of the source.
    pub mirror: Mirror,
}

impl Offer {
    /// For one instance.
    pub fn to_instance(&self) -> usher_runtime::Services {
        self.services.offer().with(self.mirror.clone())
    }
}
