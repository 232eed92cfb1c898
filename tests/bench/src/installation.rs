//! An installation as an operator has it, driven by the release binary as a child.

use crate::child::{self, Ran};
use crate::error::{Error, system};
use crate::export::Export;
use crate::options::Engine;
use crate::postgres::{Server, install};
use crate::say;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A cargo that doesn't know of the one this was started by.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Builds the release binary, as it is installed; gives its path.
pub fn build() -> Result<PathBuf, Error> {
    if cfg!(debug_assertions) {
        return Err(Error::Amiss("figures of a debug build say nothing: run it with --release".to_owned()));
    }
    let own = std::env::current_exe().map_err(system("find the target folder"))?;
    let target = own.ancestors().nth(2).unwrap_or(&own);
    say("building usher");
    // Both packages, of which only the one program is built: with the features that this one was built with.
    let packages = ["-p", "usher-cli", "-p", "usher-bench", "--bin", "usher"];
    let build = ["build", "--release", "--locked", "--target-dir"];
    child::run(cargo().current_dir(root()).args(build).arg(target).args(packages))?;
    Ok(target.join("release").join(format!("usher{}", std::env::consts::EXE_SUFFIX)))
}

/// Where directories are kept.
pub enum Place {
    /// In a file of each installation.
    Sqlite,
    /// On a server.
    Postgres(Server),
}

impl Place {
    /// With all that is needed, installed where it is missing.
    pub fn of(engine: Engine) -> Result<Self, Error> {
        match engine {
            Engine::Sqlite => {
                if child::run(Command::new("sqlite3").arg("--version")).is_err() {
                    install("sqlite3")?;
                }
                Ok(Self::Sqlite)
            }
            Engine::Postgres => Server::start().map(Self::Postgres),
        }
    }
}

/// A data folder, and a database where it isn't in there.
pub struct Installation<'a> {
    program: &'a Path,
    place: &'a Place,
    data: TempDir,
    database: Option<(String, String)>,
}

impl<'a> Installation<'a> {
    /// A new one, connected to an export.
    pub fn of(program: &'a Path, place: &'a Place, export: &Export) -> Result<Self, Error> {
        let installation = Self::new(program, place, export.people())?;
        let mut command = installation.usher(&["connect", "csv", "--yes"]);
        for (setting, file) in export.files() {
            command.arg("--set").arg(format!("{setting}={}", file.display()));
        }
        child::run(&mut command)?;
        Ok(installation)
    }

    /// A new one, for so many people.
    pub fn new(program: &'a Path, place: &'a Place, people: u32) -> Result<Self, Error> {
        let data = tempfile::Builder::new()
            .prefix("usher-bench-data-")
            .tempdir()
            .map_err(system("make a data folder"))?;
        let database = match place {
            Place::Sqlite => None,
            Place::Postgres(server) => {
                let name = format!("people_{people}");
                let url = server.database(&name)?;
                Some((name, url))
            }
        };
        Ok(Self { program, place, data, database })
    }

    /// A command, on this installation.
    pub fn usher(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        for name in ["USHER_LOG", "USHER_DATABASE", "USHER_TENANT", "USHER_CACHE"] {
            command.env_remove(name);
        }
        command.arg("--data").arg(self.data.path());
        if let Some((_, url)) = &self.database {
            command.args(["--database", url]);
        }
        command.args(words);
        command
    }

    /// A sync, which must end so, with so many users created or updated.
    pub fn sync(&self, result: &str, what: &str, users: u32) -> Result<Ran, Error> {
        let ran = child::run(&mut self.usher(&["--json", "sync", "--yes"]))?;
        let report: Json = serde_json::from_str(&ran.out).unwrap_or_default();
        let count = report.pointer(&format!("/users/{what}")).and_then(Json::as_u64);
        if report.get("result").and_then(Json::as_str) != Some(result) || count != Some(users.into()) {
            let expected = format!("{result}, with {users} users {what}");
            return Err(Error::Amiss(format!("a sync was to end with {expected}, and said:\n{}", ran.out)));
        }
        Ok(ran)
    }

    /// Takes its database away from the server.
    pub fn remove(self) -> Result<(), Error> {
        match (self.place, &self.database) {
            (Place::Postgres(server), Some((name, _))) => server.remove(name),
            _ => Ok(()),
        }
    }
}
