//! Where answers come from: the host in a component, memory in tests.

use usher_plugin::host;
pub use usher_plugin::host::graph::{Failure, Link, Page, Place, Refusal, Request};
use usher_plugin::{Fault, Membership, ObjectRef};

/// What the method needs from outside.
pub trait Outside {
    /// One GET, or one page of a chain.
    fn get(&mut self, at: &Place) -> Result<Page, Failure>;
    /// Single GETs, in the order asked.
    fn batch(&mut self, requests: &[Request]) -> Result<Vec<Result<String, Failure>>, Fault>;
    /// Which of these the host has of this source.
    fn known(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault>;
    /// Which of these this read has handed over.
    fn handed_over(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault>;
    /// Which of these this read has handed over.
    fn handed_over_members(&mut self, members: &[Membership]) -> Result<Vec<bool>, Fault>;
}

/// The host.
pub struct Host;

impl Outside for Host {
    fn get(&mut self, at: &Place) -> Result<Page, Failure> {
        host::graph::get(at)
    }
    fn batch(&mut self, requests: &[Request]) -> Result<Vec<Result<String, Failure>>, Fault> {
        host::graph::batch(requests)
    }
    fn known(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault> {
        host::mirror::known(refs)
    }
    fn handed_over(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault> {
        host::mirror::handed_over(refs)
    }
    fn handed_over_members(&mut self, members: &[Membership]) -> Result<Vec<bool>, Fault> {
        host::mirror::handed_over_members(members)
    }
}
