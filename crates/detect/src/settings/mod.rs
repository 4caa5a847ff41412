//! Every threshold, with its default, unit and source; overridable by a TOML file.

use std::fmt::Write as _;

/// Why a file of thresholds is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It is no TOML, or has keys that there are not, or values of another type.
    #[error("not a file of thresholds")]
    Toml(#[from] toml::de::Error),
    /// A threshold that makes no sense.
    #[error("{group}.{name} is {value}, which is not {wanted}")]
    Value {
        /// Its table.
        group: &'static str,
        /// Its key.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
}

/// A threshold, described.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Table in the file: the detector that uses it.
    pub group: &'static str,
    /// Key in the table.
    pub name: &'static str,
    /// Value in force.
    pub value: f64,
    /// The value as TOML writes it.
    pub text: String,
    /// Unit; `share` for a part of 1.
    pub unit: &'static str,
    /// What it is and where it comes from.
    pub about: &'static str,
}

/// Structs with their defaults, and the list of all thresholds, from the table.
macro_rules! settings {
    ($(
        $group:ident: $Group:ident = $about:literal {
            $( $name:ident: $ty:ty = $value:expr, $unit:literal, $doc:literal; )+
        }
    )+) => {
        /// Thresholds of all detectors.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $( #[doc = $about] pub $group: $Group, )+
        }

        $(
            #[doc = $about]
            #[derive(Clone, Debug, PartialEq, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            // The unit belongs to the name of a key.
            #[allow(clippy::struct_field_names)]
            pub struct $Group {
                $( #[doc = $doc] #[doc = concat!("Unit: ", $unit, ".")] pub $name: $ty, )+
            }

            impl Default for $Group {
                fn default() -> Self {
                    Self { $( $name: $value, )+ }
                }
            }
        )+

        impl Settings {
            /// Every threshold, in the order of the file.
            pub fn thresholds(&self) -> Vec<Threshold> {
                vec![ $( $( Threshold {
                    group: stringify!($group),
                    name: stringify!($name),
                    value: self.$group.$name as f64,
                    text: format!("{:?}", self.$group.$name),
                    unit: $unit,
                    about: $doc,
                }, )+ )+ ]
            }
        }
    };
}

mod table;

pub use table::*;

impl Settings {
    /// Reads a TOML file. What it does not name keeps its default.
    ///
    /// # Errors
    ///
    /// Keys that there are not, values that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text)?;
        for threshold in settings.thresholds() {
            let Threshold { group, name, value, text, unit, .. } = threshold;
            let wanted = if !value.is_finite() || value < 0.0 {
                "a number of 0 or more"
            } else if unit == "share" && value > 1.0 {
                "a share of 1"
            } else {
                continue;
            };
            return Err(SettingsError::Value { group, name, value: text, wanted });
        }
        Ok(settings)
    }

    /// The file that would make these settings, with what each of them means.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        let mut group = "";
        for threshold in self.thresholds() {
            if threshold.group != group {
                group = threshold.group;
                let _ = writeln!(out, "{}[{group}]", if out.is_empty() { "" } else { "\n" });
            }
            let Threshold { name, text, unit, about, .. } = threshold;
            let _ = writeln!(out, "# {} [{unit}]\n{name} = {text}", about.trim().trim_end_matches('.'));
        }
        out
    }
}

/// Nanoseconds of so many seconds.
pub(crate) const fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9) as i64
}

/// Nanoseconds of so many whole seconds.
pub(crate) fn whole_nanos(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let text = Settings::default().to_toml();
        assert_eq!(Settings::from_toml(&text).unwrap(), Settings::default(), "{text}");
        assert_eq!(Settings::from_toml("").unwrap(), Settings::default());
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let settings =
            Settings::from_toml("[vertical_scan]\nports = 3\n[zero_window]\nstall_seconds = 2").unwrap();
        assert_eq!((settings.vertical_scan.ports, settings.zero_window.stall_seconds), (3, 2.0));
        assert_eq!(settings.vertical_scan.window_seconds, 300);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "[vertical_scan]\nport = 3",
            "[scan]\nports = 3",
            "[vertical_scan]\nports = -3",
            "[vertical_scan]\nports = \"many\"",
            "[zero_window]\nstall_seconds = nan",
            "[zero_window]\nstall_seconds = -1.0",
            "[retransmissions]\nnote_share = 5.0",
            "ports",
        ] {
            assert!(Settings::from_toml(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_threshold_says_where_it_comes_from() {
        for threshold in Settings::default().thresholds() {
            let about = threshold.about;
            assert!(
                about.contains('(') && about.len() > 20,
                "{}.{}: {about}",
                threshold.group,
                threshold.name
            );
        }
    }
}
