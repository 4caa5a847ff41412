//! What a status means, in words.

use capkeep_watcher::{CaptureStatus, Parameters, State, StopReason, limits};

/// How a session stands, why, and what can be done.
pub(crate) fn of(status: &CaptureStatus, parameters: Option<&Parameters>) -> Vec<String> {
    let mut lines = Vec::new();
    match status.state() {
        State::NotStarted => lines.push("not started yet".to_owned()),
        State::Running => {
            lines.push("running; its file appears in the storage account when it ends".to_owned());
        }
        State::Stopped => lines.push(stopped(status, parameters)),
        State::Error => lines.push("ended with an error".to_owned()),
        State::Unknown => lines.push(format!(
            "the service says {:?}",
            status.packet_capture_status.as_deref().unwrap_or("nothing about it")
        )),
    }
    // Instances of a scale set may have stopped for different reasons; the service tells them in sentences.
    let sentence = status.stop_reason.as_deref().unwrap_or_default().trim();
    if sentence.contains(' ') && status.reason() != Some(StopReason::Other) {
        lines.push(sentence.to_owned());
    }
    lines.extend(status.packet_capture_error.iter().flatten().map(|text| error(text)));
    lines
}

fn stopped(status: &CaptureStatus, parameters: Option<&Parameters>) -> String {
    let is_ring = parameters.is_some_and(Parameters::is_ring);
    match status.reason() {
        Some(StopReason::TimeExceeded) if !is_ring => {
            let limit = parameters
                .and_then(|parameters| parameters.time_limit_in_seconds)
                .unwrap_or(limits::TIME.default);
            format!(
                "stopped at its time limit of {}; a longer one is set with --time-limit, up to 5h",
                span(limit)
            )
        }
        Some(StopReason::TimeExceeded) => {
            "stopped at the time limit of its ring of files, --time-limit".to_owned()
        }
        Some(StopReason::SizeExceeded) if !is_ring => {
            let limit = parameters.and_then(|parameters| parameters.total_bytes_per_session);
            let limit = super::show::size(limit.unwrap_or(limits::BYTES_PER_SESSION.default));
            format!(
                "stopped at its byte limit of {limit}, maybe long before its time was over; more is allowed with --bytes"
            )
        }
        Some(StopReason::SizeExceeded) => "stopped because the files of its ring were full".to_owned(),
        Some(StopReason::Manual) => "stopped by hand".to_owned(),
        Some(StopReason::Other) => {
            format!("stopped: {}", status.stop_reason.as_deref().unwrap_or_default().trim())
        }
        None if status.packet_capture_error.iter().flatten().next().is_some() => {
            "stopped by an error".to_owned()
        }
        None => "stopped; the service does not say why".to_owned(),
    }
}

/// Codes of the specification, and what helps. Other texts stand as they are.
fn error(text: &str) -> String {
    let help = match text {
        "AgentStopped" => "the agent on the machine ended: `capkeep doctor --vm` looks at it",
        "CaptureFailed" => "the agent could not capture: are the filters right, and is the interface up?",
        "LocalFileFailed" => {
            "the agent could not write on the machine: is the disk full, and is the path right?"
        }
        "StorageFailed" => {
            "the file could not be stored: shared keys off, a firewall on the account, or the machine cannot reach it on 443"
        }
        "InternalError" => "the service does not say more; `capkeep doctor --vm` checks what it needs",
        _ => return text.to_owned(),
    };
    format!("{text}: {help}")
}

/// A span as it is typed: `1h30m`.
pub(crate) fn span(seconds: i64) -> String {
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let text: String = parts.flat_map(|(n, unit)| [n.to_string(), (*unit).to_owned()]).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, parameters: &str) -> String {
        of(&serde_json::from_str(text).unwrap(), Some(&serde_json::from_str(parameters).unwrap())).join("\n")
    }

    #[test]
    fn a_stop_says_why_and_what_to_do() {
        let stopped =
            |reason: &str| format!(r#"{{"packetCaptureStatus":"Stopped","stopReason":"{reason}"}}"#);
        for (status, parameters, words) in [
            (stopped("TimeExceeded"), r#"{"timeLimitInSeconds":5400}"#, "time limit of 1h30m"),
            (stopped("TimeExceeded"), "{}", "time limit of 5h"),
            (stopped("SizeExceeded"), "{}", "byte limit of 1.1 GB"),
            (stopped("SizeExceeded"), r#"{"continuousCapture":false}"#, "files of its ring were full"),
            (stopped("Manual"), "{}", "by hand"),
            (stopped("3 VM Instance(s) stopped due to TimeExceeded Reasons. "), "{}", "time limit"),
            (
                stopped("1 VM Instance(s) stopped due to TimeExceeded Reasons. 2 … due to Manual Reasons."),
                "{}",
                "2 … due to Manual",
            ),
            (stopped("Sunspots"), "{}", "stopped: Sunspots"),
            (r#"{"packetCaptureStatus":"Stopped"}"#.to_owned(), "{}", "does not say why"),
            (
                r#"{"packetCaptureStatus":"Error","packetCaptureError":["StorageFailed"]}"#.to_owned(),
                "{}",
                "shared keys off",
            ),
            (
                r#"{"packetCaptureStatus":"Stopped","packetCaptureError":["…/0 is gone."]}"#.to_owned(),
                "{}",
                "stopped by an error\n…/0 is gone.",
            ),
            (r#"{"packetCaptureStatus":"Running"}"#.to_owned(), "{}", "running"),
            (r#"{"packetCaptureStatus":"Dreaming"}"#.to_owned(), "{}", "\"Dreaming\""),
        ] {
            let text = told(&status, parameters);
            assert!(text.contains(words), "{status}: {text}");
        }
    }
}
