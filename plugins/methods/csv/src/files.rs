//! Where the bytes come from, and where a little is remembered: the host in a component, memory in tests.

use usher_plugin::Fault;
use usher_plugin::host;
pub use usher_plugin::host::files::File;

/// What a read needs from outside.
pub trait Outside {
    /// The file that a setting names; none where the setting isn't given.
    fn open(&mut self, setting: &str) -> Result<Option<File>, Fault>;
    /// One chunk of it, counted from 0.
    fn read(&mut self, setting: &str, chunk: u32) -> Result<Vec<u8>, Fault>;
    /// What was remembered under a key when a run was last applied.
    fn recall(&mut self, key: &str) -> Result<Option<String>, Fault>;
    /// Remembers a value, if this run is applied.
    fn remember(&mut self, key: &str, value: &str) -> Result<(), Fault>;
    /// Tells the operator something that belongs to no single record.
    fn warn(&mut self, line: &str);
}

/// The host.
pub struct Host;

impl Outside for Host {
    fn open(&mut self, setting: &str) -> Result<Option<File>, Fault> {
        host::files::open(setting)
    }
    fn read(&mut self, setting: &str, chunk: u32) -> Result<Vec<u8>, Fault> {
        host::files::read(setting, chunk)
    }
    fn recall(&mut self, key: &str) -> Result<Option<String>, Fault> {
        host::storage::get(key)
    }
    fn remember(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        host::storage::set(key, value)
    }
    fn warn(&mut self, line: &str) {
        host::log::warning(line);
    }
}
