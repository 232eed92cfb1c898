//! A policy that misbehaves while it reviews.

use crate::Settings;
use crate::acts::perform;
use usher_plugin::{About, Absence, Candidate, Capabilities, Group, Policy, Problem, Reads, Value, Verdict};

/// The policy. What the trait can't do wrong (the number of verdicts) its component does.
pub struct HostilePolicy {
    /// The misdeed.
    pub act: String,
}

impl Policy for HostilePolicy {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "hostile-policy",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Misbehaves on request",
            capabilities: Capabilities::none(),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(settings: Settings) -> Result<Self, Vec<Problem>> {
        Ok(Self { act: settings.act })
    }

    fn review_user(&self, candidate: &Candidate, _day: Option<&str>) -> Verdict {
        perform(&self.act);
        match self.act.as_str() {
            "panic-midway" if candidate.user.id == "u3" => panic!("can't judge u3"),
            "forge" => Verdict::leave_out("no\nERROR: all is lost"),
            "long-edit" => Verdict::keep().with("title", Value::Text("x".repeat(1 << 20))),
            _ => Verdict::keep(),
        }
    }

    fn review_group(&self, _group: &Group, _day: Option<&str>) -> Verdict {
        perform(&self.act);
        Verdict::keep()
    }
}
