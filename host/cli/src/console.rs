//! Where people read and answer. On a terminal: colour, tables as wide as it is, a progress bar; piped: plain lines.
//!
//! What is printed comes from sources in good part, so every line is made fit here: whatever could move the cursor, hide text or begin a
//! line of its own is written as an escape. Nobody approves a plan in which somebody's display name has drawn a few lines.

use crate::error::CliError;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Display;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use usher_runtime::one_line;
use usher_sync::{Phase, Progress};

/// Nothing is drawn for work that takes less than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// A colour for words that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Comes in, or is well.
    Good,
    /// Changes, or wants a look.
    Change,
    /// Goes out, or failed.
    Bad,
    /// Beside the point.
    Quiet,
    /// A heading.
    Strong,
}

/// Stands for the beginning of a tone until a line is printed: noncharacters of Unicode, which no text has a use for.
const TONES: [(Tone, char, &str); 5] = [
    (Tone::Good, '\u{fdd0}', "\x1b[32m"),
    (Tone::Change, '\u{fdd1}', "\x1b[33m"),
    (Tone::Bad, '\u{fdd2}', "\x1b[31m"),
    (Tone::Quiet, '\u{fdd3}', "\x1b[2m"),
    (Tone::Strong, '\u{fdd4}', "\x1b[1m"),
];
/// Stands for the end of a tone.
const PLAIN: char = '\u{fdd5}';

/// One line, fit for a terminal, with its tones as colours; where there are none, what looks like a tone is somebody's text.
fn fit(text: &str, coloured: bool) -> String {
    let mut line = one_line(text, usize::MAX);
    for (mark, code) in TONES.iter().map(|(_, mark, code)| (*mark, *code)).chain([(PLAIN, "\x1b[0m")]) {
        if line.contains(mark) {
            let escaped = mark.escape_unicode().to_string();
            line = line.replace(mark, if coloured { code } else { &escaped });
        }
    }
    line
}

/// A place to read and to answer.
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    interactive: bool,
    bars: bool,
    json: bool,
}

impl Console {
    /// `interactive`: somebody can read and answer. `bars`: progress can be drawn on standard error.
    pub fn new(
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        interactive: bool,
        bars: bool,
    ) -> Self {
        Self { out, err, interactive, bars, json: false }
    }

    /// From now on one JSON object is printed, and nothing asked.
    pub fn set_json(&mut self, json: bool) {
        self.json = json;
    }

    /// Whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody can answer.
    pub fn is_interactive(&self) -> bool {
        self.interactive && !self.json
    }

    fn write(out: &mut dyn Write, text: &str) {
        // A reader that went away (`usher users list | head`) is no error of ours.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints text as it is.
    pub fn text(&mut self, text: &str) {
        Self::write(&mut self.out, text);
    }

    /// Prints text on standard error.
    pub fn error_text(&mut self, text: &str) {
        Self::write(&mut self.err, text);
    }

    /// Prints a line, unless JSON is wanted.
    pub fn line(&mut self, line: impl Display) {
        if !self.json {
            let line = format!("{}\n", self.fit(&line.to_string()));
            Self::write(&mut self.out, &line);
        }
    }

    /// Prints a line that isn't the answer itself: on standard error where the answer is JSON.
    pub fn aside(&mut self, line: impl Display) {
        let line = format!("{}\n", self.fit(&line.to_string()));
        if self.json { Self::write(&mut self.err, &line) } else { Self::write(&mut self.out, &line) }
    }

    /// Prints the one JSON value of this command.
    pub fn json(&mut self, value: &serde_json::Value) {
        Self::write(&mut self.out, &format!("{value:#}\n"));
    }

    fn is_coloured(&self) -> bool {
        self.is_interactive() && std::env::var_os("NO_COLOR").is_none()
    }

    fn fit(&self, text: &str) -> String {
        fit(text, self.is_coloured())
    }

    /// Prints one more element of the one JSON array of this command; `count` stand there already.
    pub fn json_element(&mut self, count: u64, element: &serde_json::Value) {
        let before = if count == 0 { "[\n" } else { ",\n" };
        Self::write(&mut self.out, &format!("{before}{element}"));
    }

    /// Ends the array.
    pub fn json_end(&mut self, count: u64) {
        Self::write(&mut self.out, if count == 0 { "[]\n" } else { "\n]\n" });
    }

    /// Words in a colour, where there are colours.
    pub fn tone(&self, tone: Tone, words: impl Display) -> String {
        if !self.is_coloured() {
            return words.to_string();
        }
        let mark = TONES.iter().find(|(of, _, _)| *of == tone).map_or(PLAIN, |(_, mark, _)| *mark);
        format!("{mark}{words}{PLAIN}")
    }

    /// Prints rows under headings; piped, with tabs between.
    pub fn table(&mut self, headings: &[&str], rows: Vec<Vec<String>>) {
        if self.json {
            return;
        }
        let rows: Vec<Vec<_>> =
            rows.iter().map(|row| row.iter().map(|cell| self.fit(cell)).collect()).collect();
        if !self.interactive {
            let mut text = format!("{}\n", headings.join("\t"));
            for row in rows {
                text.push_str(&row.join("\t"));
                text.push('\n');
            }
            Self::write(&mut self.out, &text);
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(headings.iter().map(|heading| self.fit(&self.tone(Tone::Strong, heading))));
        table.add_rows(rows);
        Self::write(&mut self.out, &format!("{table}\n"));
    }

    /// Prints an error.
    pub fn fail(&mut self, error: &CliError) {
        if self.json {
            let value = serde_json::json!({ "fault": {
                "class": error.class, "message": error.message, "advice": error.advice } });
            self.json(&value);
        }
        let mut text = self.fit(&format!("{}: {}", self.tone(Tone::Bad, "error"), error.message));
        if let Some(advice) = &error.advice {
            text.push('\n');
            text.push_str(&self.fit(&format!("  {}: {advice}", self.tone(Tone::Quiet, "what to do"))));
        }
        text.push('\n');
        Self::write(&mut self.err, &text);
    }

    /// Asks for yes or no; anything but yes is no.
    pub fn confirm(&mut self, question: &str) -> bool {
        if !self.is_interactive() {
            return false;
        }
        let question = format!("{} [y/N] ", self.fit(question));
        Self::write(&mut self.out, &question);
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).is_ok()
            && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    /// Asks for a line; none without a terminal.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        if !self.is_interactive() {
            return None;
        }
        let question = format!("{}: ", self.fit(question));
        Self::write(&mut self.out, &question);
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned())
    }

    /// A progress bar for a run.
    pub fn progress(&self) -> Bar {
        Bar { bar: Arc::new(Mutex::new(None)), drawn: self.bars && !self.json, since: Instant::now() }
    }
}

/// A progress bar that appears when the work has taken a while.
pub struct Bar {
    bar: Arc<Mutex<Option<ProgressBar>>>,
    drawn: bool,
    since: Instant,
}

impl Bar {
    /// Takes the bar away.
    pub fn clear(&self) {
        if let Ok(mut bar) = self.bar.lock()
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn at(&self, phase: Phase, done: u64, of: Option<u64>) {
        if !self.drawn || self.since.elapsed() < PATIENCE {
            return;
        }
        let Ok(mut slot) = self.bar.lock() else { return };
        let bar = slot.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let style = match of {
            Some(_) => "{msg} [{bar:30}] {human_pos} of {human_len}, {eta} left",
            None => "{spinner} {msg} {human_pos}",
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_length(of.unwrap_or(0));
        bar.set_message(phase.words());
        bar.set_position(done);
    }
}
