//! What keeping files costs.

use serde::Deserialize;

use crate::error::{Error, Result};

/// Prices for a month: data, not code.
const CHOSEN: &str = include_str!("../prices.toml");

/// Bytes that Azure bills as a GB.
const GIB: f64 = 1_073_741_824.0;

/// What a GiB for a month costs in each tier.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// As of when.
    date: toml::value::Datetime,
    /// Whose prices.
    source: String,
    /// In what.
    currency: String,
    hot: f64,
    cool: f64,
    cold: f64,
    archive: f64,
}

impl Prices {
    /// Those this program comes with.
    ///
    /// # Errors
    ///
    /// Never: a test reads them.
    pub fn chosen() -> Result<Self> {
        Self::read(CHOSEN)
    }

    /// The table this program comes with, to be copied and edited.
    pub fn text() -> &'static str {
        CHOSEN
    }

    /// Reads a table in TOML: `date`, `source`, `currency`, `hot`, `cool`, `cold`, `archive`.
    ///
    /// # Errors
    ///
    /// [`Error::Prices`].
    pub fn read(text: &str) -> Result<Self> {
        let prices: Self = toml::from_str(text).map_err(|error| Error::Prices(error.message().to_owned()))?;
        for price in [prices.hot, prices.cool, prices.cold, prices.archive] {
            if !(0.0..1e6).contains(&price) {
                return Err(Error::Prices(format!("{price} is no price")));
            }
        }
        Ok(prices)
    }

    /// What so many bytes in a tier cost a month. A tier that is not known counts as hot.
    pub fn of(&self, bytes: u64, tier: Option<&str>) -> f64 {
        let tier = tier.unwrap_or_default();
        let tiers = [("cool", self.cool), ("cold", self.cold), ("archive", self.archive)];
        let found = tiers.iter().find(|(name, _)| name.eq_ignore_ascii_case(tier));
        bytes as f64 / GIB * found.map_or(self.hot, |(_, price)| *price)
    }

    /// In what they are.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// As of when, and whose: `prices of 2026-11-25, chosen: …`.
    pub fn about(&self) -> String {
        format!("prices of {}, {}", self.date, self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gib_costs_what_the_table_says() {
        let prices = Prices::chosen().unwrap();
        let of = |tier| prices.of(1 << 30, tier);
        assert!((of(Some("Cool")) - prices.cool).abs() < 1e-12);
        assert!((of(Some("P10")) - prices.hot).abs() < 1e-12 && (of(None) - prices.hot).abs() < 1e-12);
        assert!(prices.about().starts_with("prices of 2"));
    }

    #[test]
    fn a_table_that_is_none_is_refused() {
        for (from, to) in [("hot = ", "warm = "), ("0.0184", "-1.0"), ("0.0184", "nan"), ("2026-11-25", "x")]
        {
            assert!(Prices::read(&CHOSEN.replace(from, to)).is_err(), "{to}");
        }
    }
}
