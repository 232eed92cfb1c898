//! Policies: pure functions of a record, its surroundings and the settings.

use crate::about::About;
use crate::contract::model::Value;
use crate::contract::model::{Group, Problem};
use crate::contract::policy::{Candidate, Decision, Edit, Verdict};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// Reviews what comes in. Verdicts may depend on nothing but the settings and the arguments: the host keeps them
/// and asks again only when one of these has changed.
pub trait Policy: Sized + 'static {
    /// The operator's settings.
    type Settings: DeserializeOwned + JsonSchema;

    /// Who this plugin is and which surroundings it reads.
    fn about() -> About;

    /// Takes the settings, which have passed their schema.
    fn configure(settings: Self::Settings) -> Result<Self, Vec<Problem>>;

    /// What becomes of a user. `day` is the run's date (`2026-11-22`), given only to policies that read it.
    fn review_user(&self, candidate: &Candidate, day: Option<&str>) -> Verdict {
        let _ = (candidate, day);
        Verdict::keep()
    }

    /// What becomes of a group.
    fn review_group(&self, group: &Group, day: Option<&str>) -> Verdict {
        let _ = (group, day);
        Verdict::keep()
    }
}

impl Verdict {
    /// Comes in as it is.
    pub fn keep() -> Self {
        Self { decision: Decision::Keep, edits: Vec::new(), place: Vec::new() }
    }

    /// Doesn't come in; the reason is a sentence for the operator.
    pub fn leave_out(reason: impl Into<String>) -> Self {
        Self { decision: Decision::LeaveOut(reason.into()), edits: Vec::new(), place: Vec::new() }
    }

    /// What is stored stays as it is; the reason is a sentence for the operator.
    pub fn hold(reason: impl Into<String>) -> Self {
        Self { decision: Decision::Hold(reason.into()), edits: Vec::new(), place: Vec::new() }
    }

    /// Comes in with an attribute set.
    pub fn with(mut self, attribute: impl Into<String>, value: Value) -> Self {
        self.edits.push(Edit { attribute: attribute.into(), value });
        self
    }
}

#[doc(hidden)]
pub fn configure_policy<P: Policy>(settings: &str) -> Result<P, Vec<Problem>> {
    let settings = serde_json::from_str(settings)
        .map_err(|error| vec![Problem { place: "settings".to_owned(), why: error.to_string() }])?;
    P::configure(settings)
}

/// Makes a type the component's policy.
#[macro_export]
macro_rules! register_policy {
    ($policy:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::registered::about_world::exports::usher::plugin::about;
            use $crate::registered::hook_world::exports::usher::plugin::hook;
            use $crate::{Fault, Problem};

            ::std::thread_local! {
                static POLICY: ::std::cell::RefCell<::std::option::Option<$policy>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            fn with<T>(call: impl FnOnce(&$policy) -> T) -> Result<T, Fault> {
                POLICY.with_borrow(|policy| match policy {
                    Some(policy) => Ok(call(policy)),
                    None => Err(Fault::Bug("called before configure".to_owned())),
                })
            }

            struct Component;

            impl about::Guest for Component {
                fn describe() -> String {
                    <$policy as $crate::Policy>::about()
                        .document::<<$policy as $crate::Policy>::Settings>("policy")
                }
            }

            impl hook::Guest for Component {
                fn configure(settings: String) -> Result<(), Vec<Problem>> {
                    let made = $crate::registered::configure_policy::<$policy>(&settings)?;
                    POLICY.with_borrow_mut(|policy| *policy = Some(made));
                    Ok(())
                }
                fn review_users(
                    candidates: Vec<hook::Candidate>,
                    day: Option<String>,
                ) -> Result<Vec<hook::Verdict>, Fault> {
                    with(|policy| {
                        candidates
                            .iter()
                            .map(|candidate| $crate::Policy::review_user(policy, candidate, day.as_deref()))
                            .collect()
                    })
                }
                fn review_groups(
                    groups: Vec<$crate::Group>,
                    day: Option<String>,
                ) -> Result<Vec<hook::Verdict>, Fault> {
                    with(|policy| {
                        groups
                            .iter()
                            .map(|group| $crate::Policy::review_group(policy, group, day.as_deref()))
                            .collect()
                    })
                }
            }

    $crate::registered::export_about!(Component with_types_in $crate::registered::about_world);
    $crate::registered::export_hook!(Component with_types_in $crate::registered::hook_world);
        };
    };
}
