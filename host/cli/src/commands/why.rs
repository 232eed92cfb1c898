//! `usher why`.

use crate::args::WhyArgs;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};

/// Explains somebody.
pub async fn why(args: WhyArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.on.connection.as_deref()).await?;
    let host = context.host().await?;
    let why = host.why(&connection, &args.who).await?;
    if context.console.is_json() {
        let value = serde_json::to_value(&why).map_err(|error| CliError::failed(error.to_string()))?;
        context.console.json(&value);
        return Ok(Status::Done);
    }
    let console = &mut context.console;
    let because = console.tone(Tone::Strong, &why.because);
    console.line(because);
    if let Some(change) = &why.first_change {
        console.line(format!("  The first thing that would have to change: {change}"));
    }
    console.line("");
    for (at, step) in why.steps.iter().enumerate() {
        let sign = match step.passes {
            Some(true) => console.tone(Tone::Good, "✓"),
            Some(false) => console.tone(Tone::Bad, "✗"),
            None => console.tone(Tone::Quiet, "·"),
        };
        console.line(format!("  {}. {sign} {}: {}", at + 1, step.at, step.says));
    }
    if !why.fields.is_empty() {
        console.line("");
        let rows = why
            .fields
            .into_iter()
            .map(|field| vec![field.field, field.value, field.from, field.before.unwrap_or_default()])
            .collect();
        console.table(&["Field", "Value", "Comes from", "Was"], rows);
    }
    Ok(Status::Done)
}
