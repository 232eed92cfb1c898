//! A method that asks for nothing and calls what it wasn't given.

use usher_plugin::host::files;
use usher_plugin::{
    About, Absence, Capabilities, Fault, GroupPage, GroupQuery, MemberPage, Method, Page, Position, Problem,
    Reads, Report, Scope,
};

/// Opens files unasked.
pub struct Grabbing;

impl Method for Grabbing {
    type Settings = usher_test_hostile::Settings;

    fn about() -> About {
        About {
            id: "hostile-grabbing",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Opens files that it didn't ask for",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(_: Self::Settings, _: Scope) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }

    fn check(&mut self) -> Result<Report, Fault> {
        files::open("users")?;
        Err(Fault::ResumeLost)
    }

    fn groups(&mut self, _: GroupQuery) -> Result<GroupPage, Fault> {
        Err(Fault::ResumeLost)
    }

    fn members(&mut self, _: String, _: Option<String>) -> Result<MemberPage, Fault> {
        Err(Fault::ResumeLost)
    }

    fn read(&mut self, _: Position) -> Result<Page, Fault> {
        Err(Fault::ResumeLost)
    }
}

usher_plugin::register_method!(Grabbing);
