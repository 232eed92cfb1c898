//! The program itself: that it starts, and tells the shell how it ended. Everything else is tested through the library.

// A test fails by panicking, and so do the helpers around it.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn usher(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher")).args(words).output().unwrap()
}

#[test]
fn it_says_which_version_it_is() {
    let ran = usher(&["--version"]);
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(String::from_utf8(ran.stdout).unwrap().trim(), concat!("usher ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn it_ends_with_2_where_it_doesnt_understand() {
    let ran = usher(&["snyc"]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(ran.stdout.is_empty());
    assert!(String::from_utf8(ran.stderr).unwrap().contains("sync"));
}
