//! A method that never comes to the end of describing itself.

use usher_plugin::{
    About, Fault, GroupPage, GroupQuery, MemberPage, Method, Page, Position, Problem, Report, Scope,
};

/// Never describes itself.
pub struct Endless;

impl Method for Endless {
    type Settings = usher_test_hostile::Settings;

    fn about() -> About {
        loop {
            usher_test_hostile::burn(1_000);
        }
    }

    fn configure(_: Self::Settings, _: Scope) -> Result<Self, Vec<Problem>> {
        Ok(Self)
    }

    fn check(&mut self) -> Result<Report, Fault> {
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

usher_plugin::register_method!(Endless);
