//! The captures of this moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Event, Listener, Options, Surroundings};
use crate::decide::Decider;
use crate::error::{Error, Result};

/// The captures of this moment, listed again when they are not of this moment any more.
pub(super) struct Fresh<'a> {
    around: &'a dyn Surroundings,
    options: &'a Options,
    on: Listener<'a>,
    last: Mutex<Option<Last>>,
}

struct Last {
    decider: Arc<Decider>,
    /// Before the listing began.
    at: Timestamp,
    uses: usize,
}

impl<'a> Fresh<'a> {
    pub(super) fn new(around: &'a dyn Surroundings, options: &'a Options, on: Listener<'a>) -> Self {
        Self { around, options, on, last: Mutex::new(None) }
    }

    /// What decides one row.
    pub(super) async fn decider(&self) -> Result<Arc<Decider>> {
        let mut last = self.last.lock().await;
        let now = self.around.now();
        let fresh_for = SignedDuration::try_from(self.options.fresh_for).unwrap_or(SignedDuration::MAX);
        if let Some(last) = last.as_mut()
            && last.uses < self.options.batch
            // A clock that was set back is no reason to believe an old list.
            && (SignedDuration::ZERO..fresh_for).contains(&now.duration_since(last.at))
        {
            last.uses += 1;
            return Ok(Arc::clone(&last.decider));
        }
        let world = self.around.world().await.map_err(Error::NoWorld)?;
        (self.on)(Event::Listed { captures: world.captures.len() });
        let decider = Arc::new(Decider::new(world, self.options.rules.clone()));
        *last = Some(Last { decider: Arc::clone(&decider), at: now, uses: 1 });
        Ok(decider)
    }
}
