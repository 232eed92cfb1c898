//! A Postgres server that nobody else reaches: a socket in a folder, as Debian sets a server up otherwise, gone with this program.

use crate::child;
use crate::error::{Error, system};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SUPERUSER: &str = "usher";
/// How long a server may take to answer.
const START: Duration = Duration::from_secs(30);

/// A server at work.
pub struct Server {
    process: Child,
    programs: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Sets one up and starts it.
    pub fn start() -> Result<Self, Error> {
        let programs = match programs() {
            Some(programs) => programs,
            None => {
                install("postgresql")?;
                programs().ok_or_else(|| Error::Amiss("apt installed no initdb".to_owned()))?
            }
        };
        let failed = || system("make a folder for Postgres");
        let folder = tempfile::Builder::new().prefix("usher-postgres-").tempdir().map_err(failed())?;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).map_err(failed())?;
        // It refuses to run as root.
        let owner = owner()?;
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).map_err(failed())?;
        }
        let owned = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.current_dir(folder.path());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let data = folder.path().join("data");
        child::run(owned("initdb").arg("-D").arg(&data).args([
            "-A",
            "trust",
            "-U",
            SUPERUSER,
            "--no-locale",
            "-E",
            "UTF8",
        ]))?;
        let log = std::fs::File::create(folder.path().join("log")).map_err(failed())?;
        let process = owned("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses="])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed())?)
            .stderr(log)
            .spawn()
            .map_err(system("start postgres"))?;
        let server = Self { process, programs, folder };
        server.answering()?;
        Ok(server)
    }

    fn answering(&self) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            match self.psql("postgres", &["SELECT 1".to_owned()]) {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > START => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Makes an empty database; gives its address.
    pub fn database(&self, name: &str) -> Result<String, Error> {
        self.psql("postgres", &[format!("CREATE DATABASE {name}")])?;
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        Ok(format!("postgres://{SUPERUSER}@{socket}/{name}"))
    }

    /// Removes a database.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.psql("postgres", &[format!("DROP DATABASE {name}")]).map(drop)
    }

    /// Copies a CSV file into a new table of text columns by `psql`, and forgets the table; says how long the copying took.
    pub fn copy(&self, table: &str, columns: &[String], file: &Path) -> Result<Duration, Error> {
        let columns: Vec<_> = columns.iter().map(|column| format!("\"{column}\" text")).collect();
        let took = self.psql(
            "postgres",
            &[
                format!("CREATE TABLE {table} ({})", columns.join(", ")),
                format!("\\copy {table} FROM '{}' WITH (FORMAT csv, HEADER)", file.display()),
            ],
        )?;
        self.psql("postgres", &[format!("DROP TABLE {table}")])?;
        Ok(took)
    }

    fn psql(&self, database: &str, commands: &[String]) -> Result<Duration, Error> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database, "-h"]);
        psql.arg(self.folder.path());
        psql.args(commands.iter().flat_map(|command| ["-c", command]));
        Ok(child::run(&mut psql)?.wall)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The fast shutdown: connections are ended, nothing is waited for.
        if let Some(id) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::INT);
        }
        let _ = self.process.wait();
    }
}

/// Where the server's programs lie: Debian keeps them out of the way.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = debian.map(|version| version.path().join("bin")).collect();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").is_file())
}

/// As whom a server runs where this is root.
fn owner() -> Result<Option<(u32, u32)>, Error> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let id = |flag: &str| -> Result<u32, Error> {
        let said = child::run(Command::new("id").args([flag, "postgres"]))?.out;
        said.trim().parse().map_err(|_| Error::Amiss(format!("`id {flag} postgres` said {said}")))
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

/// Installs one of Debian's packages.
pub fn install(package: &str) -> Result<(), Error> {
    crate::say(&format!("{package} isn't here: installing it"));
    let as_root = |words: &[&str]| {
        let mut command = match rustix::process::geteuid().is_root() {
            true => Command::new("env"),
            false => Command::new("sudo"),
        };
        command.arg("DEBIAN_FRONTEND=noninteractive").args(words);
        child::run(&mut command).map(drop)
    };
    as_root(&["apt-get", "update"])?;
    as_root(&["apt-get", "install", "-y", "--no-install-recommends", package])
}
