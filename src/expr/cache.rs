//! Compiled things, kept by their text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// More than any config of a size that we have seen; a config beyond it compiles again.
const LIMIT: usize = 4096;

pub(super) struct Cache<T>(Mutex<Option<HashMap<String, Arc<T>>>>);

impl<T> Cache<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What `text` compiles to; a fault is not kept.
    pub(super) fn get<E>(&self, text: &str, compile: impl FnOnce(&str) -> Result<T, E>) -> Result<Arc<T>, E> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().and_then(|it| it.get(text)) {
            return Ok(known.clone());
        }
        drop(kept);
        let made = Arc::new(compile(text)?);
        kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_default();
        // What a config uses comes back at once; what it used to use does not.
        if LIMIT <= kept.len() {
            kept.clear();
        }
        kept.insert(text.to_owned(), made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_so_many_and_no_more() {
        let cache: Cache<usize> = Cache::new();
        for n in 0..LIMIT * 3 {
            let made = cache.get(&n.to_string(), |_| Ok::<_, ()>(n));
            assert_eq!(made.map(|it| *it), Ok(n));
            assert!(cache.0.lock().unwrap().as_ref().unwrap().len() <= LIMIT);
        }
        let again = cache.get(&(LIMIT * 3 - 1).to_string(), |_| Err("compiled again"));
        assert!(again.is_ok());
    }

    #[test]
    fn a_fault_is_not_kept() {
        let cache: Cache<u8> = Cache::new();
        assert_eq!(cache.get("x", |_| Err("bad")), Err("bad"));
        assert_eq!(cache.get("x", |_| Ok::<_, &str>(1)).map(|it| *it), Ok(1));
    }
}
