//! The plugins that come with the host: their bytes, built for wasm32-wasip2 by this crate's build script.

/// One plugin.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// Its id, as its own `about` says.
    pub id: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Bundled({}, {} bytes)", self.id, self.wasm.len())
    }
}

const PLUGINS: [Bundled; 7] = [
    Bundled { id: "attributes", wasm: include_bytes!(env!("USHER_POLICY_ATTRIBUTES")) },
    Bundled { id: "csv", wasm: include_bytes!(env!("USHER_METHOD_CSV")) },
    Bundled { id: "deny-list", wasm: include_bytes!(env!("USHER_POLICY_DENY_LIST")) },
    Bundled { id: "domain", wasm: include_bytes!(env!("USHER_POLICY_DOMAIN")) },
    Bundled { id: "email-method", wasm: include_bytes!(env!("USHER_POLICY_EMAIL_METHOD")) },
    Bundled { id: "licence", wasm: include_bytes!(env!("USHER_POLICY_LICENCE")) },
    Bundled { id: "m365", wasm: include_bytes!(env!("USHER_METHOD_M365")) },
];

/// All of them, by id.
pub fn plugins() -> &'static [Bundled] {
    &PLUGINS
}
