//! What the sandbox costs: the same read by the same code, in it and without it.

use crate::error::{Error, system};
use crate::export::Export;
use crate::figure::median;
use crate::native;
use crate::sandbox::Sandbox;
use std::time::Duration;

/// How often each way is measured, in turn; the medians count.
const ROUNDS: u32 = 3;

/// What a read handed over. Both ways must hand over the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// Pages.
    pub pages: u32,
    /// Changes in them.
    pub changes: usize,
    /// Users, groups and memberships, as the seal has them.
    pub counts: [u32; 3],
    /// The seal's cursor: made of the files' hashes and the settings.
    pub cursor: Option<String>,
}

/// How long a read takes both ways.
pub struct Reading {
    /// In the sandbox.
    pub sandboxed: Duration,
    /// Compiled for this machine.
    pub natively: Duration,
}

impl Reading {
    /// Measures both.
    pub fn measure(export: &Export) -> Result<Self, Error> {
        let cache = tempfile::tempdir().map_err(system("make a folder for compiled code"))?;
        let settings: serde_json::Map<_, _> = export
            .files()
            .into_iter()
            .map(|(setting, file)| (setting.to_owned(), file.display().to_string().into()))
            .collect();
        let settings = serde_json::Value::Object(settings);
        let sandbox = Sandbox::of(export, &settings, cache.path())?;
        // Has the private copies made, which either way is the host's work.
        let (expected, _) = sandbox.read()?;
        let (mut sandboxed, mut natively) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (whole, took, times) in [
                pair(sandbox.read()?, &mut sandboxed),
                pair(native::read(export, &settings, sandbox.opened())?, &mut natively),
            ] {
                if whole != expected {
                    return Err(Error::Amiss(format!(
                        "both ways read something else: {expected:?}, {whole:?}"
                    )));
                }
                times.push(took);
            }
        }
        Ok(Self { sandboxed: median(sandboxed), natively: median(natively) })
    }

    /// How long a whole sync would take whose method is compiled for this machine.
    pub fn without(&self, whole: Duration) -> Duration {
        whole.saturating_sub(self.sandboxed) + self.natively
    }
}

fn pair(
    (whole, took): (Whole, Duration),
    times: &mut Vec<Duration>,
) -> (Whole, Duration, &mut Vec<Duration>) {
    (whole, took, times)
}
