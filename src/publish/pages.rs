//! Component pages: rendered when first asked for, once for all who ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore};

use super::render::{self, Page, RenderError};
use crate::domain::component::Lang;
use crate::domain::endpoint::ComponentId;
use crate::domain::facts::Facts;
use crate::domain::moment::Moment;

/// Pages kept at once; each is a few dozen kilobytes in three encodings.
const KEPT: usize = 64;

type Key = (Lang, ComponentId);
type Cell = Arc<OnceCell<Arc<Page>>>;

pub struct Pages {
    /// One is made at a time, however many are asked for.
    turn: Arc<Semaphore>,
    generation: AtomicU64,
    kept: Mutex<HashMap<Key, (u64, Cell)>>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), generation: AtomicU64::default(), kept: Mutex::default() }
    }
}

impl Pages {
    /// What is kept is of yesterday.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// To be asked for before the facts that a page is made of.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The page, fresh at `now`; none when the public knows no such component.
    /// Those who come while it is being made wait for the same one.
    pub async fn get(
        &self,
        (generation, facts): (u64, Arc<Facts>),
        now: Moment,
        lang: Lang,
        id: ComponentId,
    ) -> Result<Option<Arc<Page>>, RenderError> {
        if !facts.components.iter().any(|it| it.public && it.id == id) {
            return Ok(None);
        }
        let cell = self.cell(generation, now, (lang, id.clone()));
        let page = cell.get_or_try_init(|| async {
            let made = self.alone(move || render::component(&facts, now, lang, &id)).await?;
            made?
                .map(Arc::new)
                .ok_or_else(|| RenderError::from(std::io::Error::other("the component has gone")))
        });
        Ok(Some(Arc::clone(page.await?)))
    }

    /// Does the work off the async threads, after all that was asked for before.
    /// It keeps its turn to its end, even when nobody waits for it any more.
    async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(std::io::Error::other)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(std::io::Error::other)
    }

    fn cell(&self, generation: u64, now: Moment, key: Key) -> Cell {
        // A panic elsewhere leaves a map that is whole: every step is one call.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |(made, cell): &(u64, Cell)| {
            *made == generation && cell.get().is_none_or(|page| now.mono < page.valid_until.mono)
        };
        if let Some((_, cell)) = kept.get(&key).filter(|it| is_fresh(it)) {
            return Arc::clone(cell);
        }
        if kept.len() >= KEPT {
            kept.retain(|_, it| is_fresh(it));
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        let cell = Cell::default();
        kept.insert(key, (generation, Arc::clone(&cell)));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::fixture;

    #[test]
    fn however_many_are_asked_for_few_are_kept() {
        let pages = Pages::default();
        for number in 0..1000 {
            let id = fixture::id(&format!("way-{number}"));
            let first = pages.cell(pages.generation(), fixture::now(), (Lang::Zh, id.clone()));
            assert!(Arc::ptr_eq(&first, &pages.cell(pages.generation(), fixture::now(), (Lang::Zh, id))));
            assert!(pages.kept.lock().unwrap().len() <= KEPT);
        }
    }

    #[tokio::test]
    async fn however_many_are_asked_for_one_is_made_at_a_time() {
        let pages = Arc::new(Pages::default());
        let (here, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut asks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (pages, here, most) = (Arc::clone(&pages), Arc::clone(&here), Arc::clone(&most));
            asks.spawn(async move {
                let work = move || {
                    most.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // Long enough for others to come in, if they could.
                    std::thread::park_timeout(std::time::Duration::from_millis(2));
                    here.fetch_sub(1, Ordering::SeqCst);
                };
                pages.alone(work).await.unwrap();
            });
        }
        asks.join_all().await;
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_was_kept_before_new_facts_is_not_given_again() {
        let pages = Pages::default();
        let key = (Lang::En, fixture::id("sms"));
        let first = pages.cell(pages.generation(), fixture::now(), key.clone());
        pages.forget();
        assert!(!Arc::ptr_eq(&first, &pages.cell(pages.generation(), fixture::now(), key)));
    }
}
