//! The organisation itself: its name, its domains, what it has subscribed to.

use super::guid::Guid;

/// A domain of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `acme.example`.
    pub name: String,
    /// Whether its ownership was shown. Only those can be in a user principal name.
    pub verified: bool,
    /// Whether new users are put there.
    pub is_default: bool,
    /// Whether it came with the tenant.
    pub is_initial: bool,
}

impl Domain {
    /// A verified one that is neither default nor initial.
    pub fn verified(name: &str) -> Self {
        Self { name: name.to_owned(), verified: true, is_default: false, is_initial: false }
    }

    /// One whose ownership wasn't shown yet.
    pub fn unverified(name: &str) -> Self {
        Self { verified: false, ..Self::verified(name) }
    }

    /// The same one as default and initial.
    pub fn first(self) -> Self {
        Self { is_default: true, is_initial: true, ..self }
    }
}

/// A subscription of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sku {
    /// Its id, the same in every tenant.
    pub id: &'static str,
    /// Its part number.
    pub part: &'static str,
    /// Units bought.
    pub units: u32,
    /// One of its service plans: id and name.
    pub plan: (&'static str, &'static str),
}

/// Microsoft 365 E3.
pub const E3: Sku = Sku {
    id: "05e9a617-0261-4cee-bb44-138d3ef5d965",
    part: "SPE_E3",
    units: 25,
    plan: ("efb87545-963c-4e0d-99df-69c6916d9eb0", "EXCHANGE_S_ENTERPRISE"),
};

/// Microsoft 365 F3, for people without a desk.
pub const F3: Sku = Sku {
    id: "66b55226-6b4f-492c-910c-a3b7a3c9d993",
    part: "SPE_F1",
    units: 10,
    plan: ("4a82b400-a79f-41a4-b4e2-e94f5787b113", "EXCHANGE_S_DESKLESS"),
};

/// Who the tenant belongs to.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// The tenant's id.
    pub id: Guid,
    /// What the organisation is called.
    pub name: String,
    /// Its domains, verified or not.
    pub domains: Vec<Domain>,
    /// What it has subscribed to.
    pub skus: Vec<Sku>,
}

impl Organisation {
    /// Whether an address ends in a verified domain.
    pub fn has_verified(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.domains.iter().any(|known| known.verified && known.name.eq_ignore_ascii_case(domain))
    }

    /// Whether a tenant is called so in an address: by id or by a verified domain.
    pub fn is(&self, tenant: &str) -> bool {
        Guid::parse(tenant) == Some(self.id)
            || self.domains.iter().any(|known| known.verified && known.name.eq_ignore_ascii_case(tenant))
    }
}
