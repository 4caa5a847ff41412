//! What does TLS say of itself?

use capkeep_flow::{tls_alert_name, tls_cipher_name, tls_version_name};
use capkeep_pcap::Timestamp;

use super::{Chapter, Picture};
use crate::drawing::{Bars, Unit};
use crate::table::{Block, Column};
use crate::value::Value;

/// Rows of tables (chosen).
const ROWS: usize = 15;

pub(super) struct Tls;

impl Chapter for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn title(&self) -> &'static str {
        "TLS"
    }

    fn about(&self) -> &'static str {
        "What does TLS say of itself, and is it current?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let tls = &picture.apps.tls;
        if tls.flows == 0 {
            return Vec::new();
        }
        let mut blocks = Vec::new();
        let mut bars = |title: &str, of: &'static str, mut counts: Vec<(String, u64)>| {
            counts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
            let bars: Vec<_> =
                counts.into_iter().take(ROWS).map(|(name, n)| (Value::text(name), n)).collect();
            if !bars.is_empty() {
                let unit = Unit::Things("flows");
                blocks.push(Block::Bars(Bars { title: title.into(), unit, of, bars, notes: Vec::new() }));
            }
        };
        let versions = tls.versions.iter().map(|(version, n)| {
            (tls_version_name(*version).map_or_else(|| format!("{version:#06x}"), str::to_owned), *n)
        });
        bars("Versions agreed upon", "version", versions.collect());
        let ciphers = tls.ciphers.iter().map(|(cipher, n)| {
            (tls_cipher_name(*cipher).map_or_else(|| format!("{cipher:#06x}"), str::to_owned), *n)
        });
        bars("Ciphers agreed upon", "cipher", ciphers.collect());
        let alerts = tls.alerts.iter().map(|(alert, n)| (tls_alert_name(*alert), *n));
        bars("Alerts", "alert", alerts.collect());
        let names = tls.names.heaviest(ROWS).into_iter().map(|(name, n)| (name.clone(), *n));
        bars("Servers asked for", "name", names.collect());
        let certificates = tls.certificates.heaviest(ROWS);
        if !certificates.is_empty() {
            let time =
                |seconds: i64| Value::Time(Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000)));
            let rows = certificates.iter().map(|(key, used)| {
                vec![
                    Value::text(&key.subject),
                    Value::text(&key.issuer),
                    time(key.not_before_seconds),
                    time(key.not_after_seconds),
                    Value::Count(used.flows),
                    if used.invalid > 0 {
                        Value::Problem(format!("{} outside its dates", crate::value::count(used.invalid)))
                    } else {
                        Value::Nothing
                    },
                ]
            });
            let columns = [
                Column::words("subject"),
                Column::words("issuer").drop(3),
                Column::words("from").drop(2),
                Column::words("until"),
                Column::number("flows"),
                Column::words("problem"),
            ];
            let mut table = super::captures::without_empty("Certificates", &columns, rows.collect());
            table.notes.push("of TLS up to 1.2: later ones are sent encrypted".into());
            blocks.push(Block::Table(table));
        }
        blocks
    }
}
