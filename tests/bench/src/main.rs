//! What a run costs, beside what it could cost at least: every figure of the budgets is a ratio of two things that were measured in
//! the same run on the same machine.
//!
//! `README.md` beside this crate says what each row means. Nothing here fails because something is slow: the table says `over`.

mod bare;
mod child;
mod cold;
mod error;
mod export;
mod figure;
mod graph;
mod installation;
mod machine;
mod measure;
mod native;
mod options;
mod postgres;
mod readme;
mod sandbox;
mod table;
mod tax;

use clap::Parser;
use error::Error;
use options::{Options, Part};
use std::process::ExitCode;
use table::Table;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error::words(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let mut tables = Vec::new();
    if [Part::P1, Part::P5, Part::P6].into_iter().any(|part| options.wants(part)) {
        let program = installation::build()?;
        for &engine in &options.engines {
            let mut table = Table::of(engine.name());
            measure::engine(engine, &program, options, &mut table)?;
            tables.push(table);
        }
    }
    if options.wants(Part::P3) {
        let program = installation::build()?;
        let mut table = Table::of("m365");
        graph::measure(&program, &mut table)?;
        tables.push(table);
    }
    if options.wants(Part::P8) {
        let mut table = Table::of("cold");
        cold::measure(&mut table)?;
        tables.push(table);
    }
    let machine = machine::line();
    for table in &tables {
        println!("\n{}\n\n{machine}", table.text());
    }
    if options.write {
        readme::write(&tables, &machine)?;
    }
    Ok(())
}

/// A line for whoever waits.
fn say(line: &str) {
    eprintln!("{line}");
}
