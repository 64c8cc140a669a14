//! Between which marks something happened to each packet, packets of one look in their order.

use super::dequeues::Look;

/// The marks between which something happened to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    /// Not before this.
    pub(super) begin: u32,
    /// Not after this.
    pub(super) end: u32,
}

impl Span {
    /// It never happened.
    pub(super) const NEVER: Self = Self {
        begin: u32::MAX,
        end: u32::MAX,
    };
}

/// The spans of many packets.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// Where those of each look begin and end in the lists below.
    places: Vec<u32>,
    /// The marks at which they began, each look's in ascending order.
    begins: Vec<u32>,
    /// The marks at which they were over, each look's in ascending order.
    ends: Vec<u32>,
    /// The packets in the order of the ends: the look, and how many of that look come before.
    by_end: Vec<(Look, u32)>,
}

impl Spans {
    /// Of the look, the begin and the end of each, in the order of the ends.
    pub(super) fn new(looks: usize, found: &[(Look, u32, u32)]) -> Self {
        let mut places = vec![0; looks + 1];
        for (look, ..) in found {
            places[*look as usize + 1] += 1;
        }
        for look in 0..looks {
            places[look + 1] += places[look];
        }
        let mut next = places.clone();
        let mut begins = vec![0; found.len()];
        let mut ends = vec![0; found.len()];
        let mut by_end = Vec::with_capacity(found.len());
        for &(look, begin, end) in found {
            let place = &mut next[look as usize];
            begins[*place as usize] = begin;
            ends[*place as usize] = end;
            by_end.push((look, *place - places[look as usize]));
            *place += 1;
        }
        for look in places.windows(2) {
            begins[look[0] as usize..look[1] as usize].sort_unstable();
        }
        Self {
            places,
            begins,
            ends,
            by_end,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn looks(&self) -> Look {
        self.places.len() as Look - 1
    }

    /// How many there are of a look.
    pub(super) fn count(&self, look: Look) -> u32 {
        self.places[look as usize + 1] - self.places[look as usize]
    }

    /// The place of the one that comes after so many of its look.
    pub(super) fn place(&self, look: Look, before: u32) -> Option<usize> {
        let place = self.places[look as usize] + before;
        (place < self.places[look as usize + 1]).then_some(place as usize)
    }

    /// The span of the one that comes after so many of its look.
    pub(super) fn get(&self, look: Look, before: u32) -> Span {
        self.place(look, before).map_or(Span::NEVER, |place| Span {
            begin: self.begins[place],
            end: self.ends[place],
        })
    }

    /// The ends of a look, in ascending order.
    pub(super) fn ends(&self, look: Look) -> &[u32] {
        &self.ends[self.places[look as usize] as usize..self.places[look as usize + 1] as usize]
    }

    /// The packets in the order of the ends.
    pub(super) fn by_end(&self) -> &[(Look, u32)] {
        &self.by_end
    }

    /// In the order of the ends, from this place on, the place of the first that is missing if so
    /// many of each look are there.
    pub(super) fn first_missing(&self, from: u32, there: &[u32]) -> u32 {
        let is_there = |(look, before): &(Look, u32)| there[*look as usize] > *before;
        let rest = &self.by_end[from as usize..];
        from + rest.iter().take_while(|packet| is_there(packet)).count() as u32
    }

    /// The end at this place in the order of the ends.
    pub(super) fn end_at(&self, place: u32) -> u32 {
        match self.by_end.get(place as usize) {
            Some(&(look, before)) => self.get(look, before).end,
            None => u32::MAX,
        }
    }
}
