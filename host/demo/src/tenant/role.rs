//! Directory roles that are activated, and who has them.

use super::guid::Guid;
use super::object::Place;
use std::collections::BTreeSet;

/// A role of the directory.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its id in this tenant.
    pub guid: Guid,
    /// The id of its template, the same in every tenant.
    pub template: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Users who have it.
    pub members: BTreeSet<Place>,
}

/// Template, name and purpose of the roles that a tenant begins with.
pub const ROLES: [(&str, &str, &str); 6] = [
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator", "Manages everything in the directory."),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator", "Manages who has which role."),
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator", "Manages all applications."),
    (
        "158c047a-c907-4556-b7ef-446551a6b5f7",
        "Cloud Application Administrator",
        "Manages all applications but the application proxy.",
    ),
    ("fe930be7-5e62-47db-91af-98c3a49a38b1", "User Administrator", "Manages users and groups."),
    ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "Directory Readers", "Reads the directory."),
];
