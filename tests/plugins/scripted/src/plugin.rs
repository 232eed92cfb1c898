//! The method that the host sees: fetches the script from the host's copy of the file, and plays it.

use crate::{Player, Script};
use schemars::JsonSchema;
use serde::Deserialize;
use usher_plugin::host::files;
use usher_plugin::{
    About, Absence, Capabilities, Fault, GroupPage, GroupQuery, MemberPage, Method, ObjectRef, Page,
    Position, Presence, Problem, Reads, Report, Scope,
};

/// What a test sets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The script's file.
    #[schemars(extend("format" = "file"))]
    #[expect(dead_code, reason = "the host opens the file by the setting's name")]
    script: String,
    /// Changes a page, whatever the script says.
    page: Option<u32>,
    /// A secret, so that tests can look for it where it mustn't be.
    #[schemars(extend("writeOnly" = true))]
    #[expect(dead_code, reason = "it never comes in here")]
    token: Option<String>,
}

/// An instance; the script is fetched when it is first needed.
#[derive(Debug)]
pub struct ScriptedMethod {
    page: Option<u32>,
    player: Option<Player>,
}

impl Method for ScriptedMethod {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "scripted",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Does what a script says, for tests",
            capabilities: Capabilities::none().and("files"),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(settings: Settings, _scope: Scope) -> Result<Self, Vec<Problem>> {
        match settings.page {
            Some(0) => Err(vec![Problem {
                place: "page".to_owned(),
                why: "a page needs at least one change".to_owned(),
            }]),
            page => Ok(Self { page, player: None }),
        }
    }

    fn check(&mut self) -> Result<Report, Fault> {
        self.player()?.check()
    }

    fn groups(&mut self, query: GroupQuery) -> Result<GroupPage, Fault> {
        self.player()?.groups(&query)
    }

    fn members(&mut self, of: String, after: Option<String>) -> Result<MemberPage, Fault> {
        self.player()?.members(&of, after.as_deref())
    }

    fn read(&mut self, at: Position) -> Result<Page, Fault> {
        self.player()?.read(&at)
    }

    fn lookup(&mut self, refs: Vec<ObjectRef>) -> Result<Vec<Presence>, Fault> {
        self.player()?.lookup(&refs)
    }
}

impl ScriptedMethod {
    fn player(&mut self) -> Result<&mut Player, Fault> {
        let player = match self.player.take() {
            Some(player) => player,
            None => Player::new(fetch_script()?, self.page),
        };
        Ok(self.player.insert(player))
    }
}

fn fetch_script() -> Result<Script, Fault> {
    let unusable = |why: String| Fault::Settings(Problem { place: "script".to_owned(), why });
    let file = files::open("script")?.ok_or_else(|| unusable("no script is given".to_owned()))?;
    let mut text = Vec::new();
    for chunk in 0..file.chunks {
        text.extend(files::read("script", chunk)?);
    }
    let text = String::from_utf8(text).map_err(|error| unusable(error.to_string()))?;
    Script::parse(&text).map_err(|error| unusable(format!("{}: {error}", file.name)))
}

usher_plugin::register_method!(ScriptedMethod);
