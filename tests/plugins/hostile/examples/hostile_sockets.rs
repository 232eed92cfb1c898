//! A method that asks for nothing and connects to the network.

use usher_plugin::{
    About, Absence, Capabilities, Fault, GroupPage, GroupQuery, MemberPage, Method, Page, Position, Problem,
    Reads, Report, Scope,
};

/// Connects to the network.
pub struct Calling;

impl Method for Calling {
    type Settings = usher_test_hostile::Settings;

    fn about() -> About {
        About {
            id: "hostile-sockets",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Connects to the network",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(_: Self::Settings, _: Scope) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }

    fn check(&mut self) -> Result<Report, Fault> {
        let connected = std::net::TcpStream::connect("127.0.0.1:1").is_ok();
        usher_plugin::host::log::info(&format!("connected: {connected}"));
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

usher_plugin::register_method!(Calling);
