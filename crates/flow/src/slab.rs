//! Memory for live flows that grows without moving what is in it.

use crate::live::Flow;

/// Flows by slot number. Slots are used again.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    chunks: Vec<Vec<Option<Flow>>>,
    free: Vec<u32>,
}

impl Slab {
    /// Flows in a chunk (chosen: about 80 kB, a step that memory can grow by without notice).
    const CHUNK: usize = 256;

    /// Puts a flow into a slot.
    pub(crate) fn insert(&mut self, flow: Flow) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.place(slot) {
                *place = Some(flow);
            }
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == Self::CHUNK) {
            self.chunks.push(Vec::with_capacity(Self::CHUNK));
        }
        let full = (self.chunks.len() - 1) * Self::CHUNK;
        match self.chunks.last_mut() {
            Some(chunk) => {
                chunk.push(Some(flow));
                (full + chunk.len() - 1) as u32
            }
            None => 0,
        }
    }

    /// Drops the flow in a slot.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.place(slot)
            && place.is_some()
        {
            *place = None;
            self.free.push(slot);
        }
    }

    /// The flow in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Flow> {
        self.chunks.get(slot as usize / Self::CHUNK)?.get(slot as usize % Self::CHUNK)?.as_ref()
    }

    /// The flow in a slot, to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Flow> {
        self.place(slot)?.as_mut()
    }

    /// The flows with their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.chunks.iter().flatten().zip(0u32..).filter_map(|(flow, slot)| Some((slot, flow.as_ref()?)))
    }

    /// The flows, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Flow> {
        self.chunks.iter_mut().flatten().flatten()
    }

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<Flow>> {
        self.chunks.get_mut(slot as usize / Self::CHUNK)?.get_mut(slot as usize % Self::CHUNK)
    }
}
