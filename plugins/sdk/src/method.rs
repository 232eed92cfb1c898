//! Methods that are pulled.

use crate::about::About;
use crate::contract::model::{Fault, GroupKind, ObjectRef, Problem};
use crate::contract::source::{GroupPage, GroupQuery, MemberPage, Page, Position, Presence, Report};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A way for people to come in. One value is made for each instance; it may keep state between pages, but a fresh instance must be able
/// to go on from a `resume` token (or answer [`Fault::ResumeLost`]).
pub trait Method: Sized + 'static {
    /// The operator's settings. Mark a path of a file with `#[schemars(extend("format" = "file"))]` and a
    /// secret with `#[schemars(extend("writeOnly" = true))]`.
    type Settings: DeserializeOwned + JsonSchema;

    /// Who this plugin is and what it asks for.
    fn about() -> About;

    /// Takes the settings, which have passed their schema, and the scope, which the plugin may use to fetch less.
    fn configure(settings: Self::Settings, scope: Scope) -> Result<Self, Vec<Problem>>;

    /// Looks whether the source can be reached and read, changing nothing.
    fn check(&mut self) -> Result<Report, Fault>;

    /// Groups at the source, for choosing.
    fn groups(&mut self, query: GroupQuery) -> Result<GroupPage, Fault>;

    /// Direct members of a group at the source.
    fn members(&mut self, of: String, after: Option<String>) -> Result<MemberPage, Fault>;

    /// One page, 200 to 1,000 changes. Groups before the users in them is kind, but not required.
    fn read(&mut self, at: Position) -> Result<Page, Fault>;

    /// Whether records are still there, in the order of `refs`. Never called where `about` says [`crate::Absence::Snapshot`].
    fn lookup(&mut self, refs: Vec<ObjectRef>) -> Result<Vec<Presence>, Fault> {
        Ok(refs
            .iter()
            .map(|_| Presence::Unknown("this method can't look up single records".into()))
            .collect())
    }
}

/// Who is to come in. The host judges it; a method may use it to fetch less.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// The source ids of the chosen groups; none means everyone.
    pub chosen: Option<Vec<String>>,
    /// Group types that come in.
    pub group_types: Vec<String>,
    /// Whether groups come in at all.
    pub include_groups: bool,
    /// Whether managers come in.
    pub managers: bool,
    /// Whether guests of the source come in.
    pub guests: bool,
}

impl Scope {
    /// Whether a group of this kind is in scope by its type.
    pub fn admits(&self, kind: Option<GroupKind>) -> bool {
        let name = match kind {
            None => return true,
            Some(GroupKind::Other) => "other",
            Some(GroupKind::Security) => "security",
            Some(GroupKind::MailEnabledSecurity) => "mail-enabled-security",
            Some(GroupKind::Distribution) => "distribution",
            Some(GroupKind::Microsoft365) => "microsoft365",
        };
        self.group_types.iter().any(|admitted| admitted == name)
    }
}

#[doc(hidden)]
pub fn configure_method<M: Method>(settings: &str) -> Result<M, Vec<Problem>> {
    #[derive(Deserialize)]
    struct WithScope {
        #[serde(default)]
        scope: Scope,
    }
    let misread =
        |error: serde_json::Error| vec![Problem { place: "settings".to_owned(), why: error.to_string() }];
    let WithScope { scope } = serde_json::from_str(settings).map_err(misread)?;
    let mut value: serde_json::Value = serde_json::from_str(settings).map_err(misread)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("scope");
    }
    M::configure(serde_json::from_value(value).map_err(misread)?, scope)
}

/// Makes a type the component's method.
#[macro_export]
macro_rules! register_method {
    ($method:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::registered::about_world::exports::usher::plugin::about;
            use $crate::registered::source_world::exports::usher::plugin::source;
            use $crate::{Fault, Problem};

            ::std::thread_local! {
                static METHOD: ::std::cell::RefCell<::std::option::Option<$method>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            fn with<T>(call: impl FnOnce(&mut $method) -> Result<T, Fault>) -> Result<T, Fault> {
                METHOD.with_borrow_mut(|method| match method {
                    Some(method) => call(method),
                    None => Err(Fault::Bug("called before configure".to_owned())),
                })
            }

            struct Component;

            impl about::Guest for Component {
                fn describe() -> String {
                    <$method as $crate::Method>::about()
                        .document::<<$method as $crate::Method>::Settings>("method")
                }
            }

            impl source::Guest for Component {
                fn configure(settings: String) -> Result<(), Vec<Problem>> {
                    let made = $crate::registered::configure_method::<$method>(&settings)?;
                    METHOD.with_borrow_mut(|method| *method = Some(made));
                    Ok(())
                }
                fn check() -> Result<source::Report, Fault> {
                    with($crate::Method::check)
                }
                fn groups(query: source::GroupQuery) -> Result<source::GroupPage, Fault> {
                    with(|method| $crate::Method::groups(method, query))
                }
                fn members(of: String, after: Option<String>) -> Result<source::MemberPage, Fault> {
                    with(|method| $crate::Method::members(method, of, after))
                }
                fn read(at: source::Position) -> Result<source::Page, Fault> {
                    with(|method| $crate::Method::read(method, at))
                }
                fn lookup(refs: Vec<$crate::ObjectRef>) -> Result<Vec<source::Presence>, Fault> {
                    with(|method| $crate::Method::lookup(method, refs))
                }
            }

    $crate::registered::export_about!(Component with_types_in $crate::registered::about_world);
    $crate::registered::export_source!(Component with_types_in $crate::registered::source_world);
        };
    };
}
