//! Builds plugins with cargo, from the build script of whoever wants their bytes (`#[path]` it in).
//!
//! They get a target folder of their own, `plugins` in the outer one: cargo locks a target folder while it builds, and the outer
//! build holds the outer one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";

/// What one package's folder gives.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its folder, from the root of the workspace.
    pub folder: &'static str,
    /// The examples to build instead of its library.
    pub examples: &'static [&'static str],
}

/// Builds the packages; gives the components in the order of the packages and their examples. On failure it says why and ends the build.
pub fn build(packages: &[Package]) -> Vec<PathBuf> {
    match try_build(packages) {
        Ok(components) => components,
        Err(why) => {
            println!("cargo::error={why}");
            std::process::exit(1);
        }
    }
}

fn try_build(packages: &[Package]) -> Result<Vec<PathBuf>, String> {
    let root = root().ok_or("can't find the root of the workspace")?;
    for watched in ["Cargo.toml", "Cargo.lock", "plugins/sdk", "wit"]
        .into_iter()
        .chain(packages.iter().map(|package| package.folder))
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    has_target()?;
    let target_folder = plugins_folder().ok_or("can't find the target folder above OUT_DIR")?;

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    scrub(&mut cargo);
    cargo.current_dir(&root).args(["build", "--locked", "--target", TARGET, "--profile", PROFILE]);
    cargo.arg("--target-dir").arg(&target_folder);
    for package in packages {
        cargo.args(["--package", package.name]);
    }
    let (mut with_lib, mut with_examples) = (false, false);
    for package in packages {
        with_lib |= package.examples.is_empty();
        with_examples |= !package.examples.is_empty();
    }
    if with_lib {
        cargo.arg("--lib");
    }
    if with_examples {
        cargo.arg("--examples");
    }
    let output = cargo.output().map_err(|error: io::Error| format!("can't run cargo: {error}"))?;
    if !output.status.success() {
        // One line each, or cargo would show the first alone.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<_> = said.lines().map(|line| format!("cargo::error={line}")).collect();
        println!("{}", lines.join("\n"));
        return Err("the plugins can't be built".into());
    }

    let built = target_folder.join(TARGET).join(PROFILE);
    let mut components = Vec::new();
    for package in packages {
        if package.examples.is_empty() {
            components.push(built.join(format!("{}.wasm", package.name.replace('-', "_"))));
        }
        for example in package.examples {
            components.push(built.join("examples").join(format!("{example}.wasm")));
        }
    }
    match components.iter().find(|component| !component.is_file()) {
        Some(missing) => Err(format!("cargo built no {}", missing.display())),
        None => Ok(components),
    }
}

/// The root of the workspace: where `wit` lies.
fn root() -> Option<PathBuf> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    manifest.ancestors().find(|folder| folder.join("wit").is_dir()).map(Path::to_owned)
}

/// The folder `plugins` in the outer target folder. Cargo marks target folders as caches, and so those for a single platform inside.
fn plugins_folder() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let marked = |folder: &Path| folder.join("CACHEDIR.TAG").is_file();
    let mut target = out.ancestors().find(|folder| marked(folder))?;
    while let Some(parent) = target.parent().filter(|parent| marked(parent)) {
        target = parent;
    }
    Some(target.join("plugins"))
}

/// Says what to do where the target isn't installed; rustc itself only says that it can't find `core`.
fn has_target() -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("can't run rustc: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match fs::read_dir(folder) {
        Ok(_) if output.status.success() => Ok(()),
        _ => Err(format!(
            "plugins are built for {TARGET}, which isn't installed: run `rustup target add {TARGET}`"
        )),
    }
}

/// Takes out what the outer build says of itself: its flags are for another target, and clippy's or a coverage tool's wrapper would
/// wrap the plugins too. The jobserver stays, so that both builds together use the cores once.
fn scrub(cargo: &mut Command) {
    const KEPT: [&str; 3] = ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_TERM_COLOR"];
    const KEPT_GROUPS: [&str; 3] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR"];
    const TAKEN: [&str; 13] = [
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "LLVM_PROFILE_FILE",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC",
        "RUSTC_LINKER",
        "RUSTDOC",
        "RUSTFLAGS",
        "TARGET",
    ];
    for (name, _) in env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let of_cargo = text.starts_with("CARGO")
            && !KEPT.contains(&text)
            && !KEPT_GROUPS.iter().any(|group| text.starts_with(group));
        if of_cargo || text.starts_with("RUSTC_") || TAKEN.contains(&text) {
            cargo.env_remove(&name);
        }
    }
}
