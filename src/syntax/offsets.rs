/// From the parser's positions, counted in characters, to bytes.
pub(super) struct Offsets(Option<Vec<usize>>);

impl Offsets {
    pub(super) fn of(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect()))
    }

    pub(super) fn byte(&self, character: usize) -> usize {
        match &self.0 {
            Some(bytes) => bytes.get(character).or(bytes.last()).copied().unwrap_or(0),
            None => character,
        }
    }
}
