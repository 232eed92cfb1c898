//! The policy. It is exported by hand, so that it can give another number of verdicts than it was asked for.

#[cfg(target_family = "wasm")]
mod component {
    use std::cell::RefCell;
    use usher_plugin::registered::about_world::exports::usher::plugin::about;
    use usher_plugin::registered::hook_world::exports::usher::plugin::hook;
    use usher_plugin::registered::{about_world, configure_policy, export_about, export_hook, hook_world};
    use usher_plugin::{Candidate, Fault, Group, Policy, Problem, Verdict};
    use usher_test_hostile::HostilePolicy;

    thread_local! {
        static POLICY: RefCell<Option<HostilePolicy>> = const { RefCell::new(None) };
    }

    struct Component;

    impl about::Guest for Component {
        fn describe() -> String {
            HostilePolicy::about().document::<usher_test_hostile::Settings>("policy")
        }
    }

    impl hook::Guest for Component {
        fn configure(settings: String) -> Result<(), Vec<Problem>> {
            let made = configure_policy::<HostilePolicy>(&settings)?;
            POLICY.with_borrow_mut(|policy| *policy = Some(made));
            Ok(())
        }

        fn review_users(candidates: Vec<Candidate>, day: Option<String>) -> Result<Vec<Verdict>, Fault> {
            POLICY.with_borrow(|policy| {
                let Some(policy) = policy else { return Err(Fault::Bug("called before configure".into())) };
                let mut verdicts: Vec<_> = candidates
                    .iter()
                    .map(|candidate| policy.review_user(candidate, day.as_deref()))
                    .collect();
                match policy.act.as_str() {
                    "fewer-verdicts" => verdicts.truncate(1),
                    "more-verdicts" => verdicts.push(Verdict::keep()),
                    _ => {}
                }
                Ok(verdicts)
            })
        }

        fn review_groups(groups: Vec<Group>, day: Option<String>) -> Result<Vec<Verdict>, Fault> {
            POLICY.with_borrow(|policy| {
                let Some(policy) = policy else { return Err(Fault::Bug("called before configure".into())) };
                Ok(groups.iter().map(|group| policy.review_group(group, day.as_deref())).collect())
            })
        }
    }

    export_about!(Component with_types_in about_world);
    export_hook!(Component with_types_in hook_world);
}
