//! What lies on the device, named by the plain data that it was made from: the state holds numbers, and this cache what can be
//! drawn of them.
//!
//! Nobody has to say when something is to go: an upload goes with its data, or when it is the one that was wanted longest ago.

use std::sync::{Arc, Weak};

/// How far an upload is.
#[derive(Debug, Clone)]
pub enum Upload<T> {
    /// It is on its way to the device.
    Underway,
    /// It lies on the device.
    Ready(Arc<T>),
    /// It cannot be drawn: why. The numbers can still be read.
    Failed(String),
}

impl<T> Upload<T> {
    /// What lies on the device; `None` before, and where that failed.
    pub fn ready(&self) -> Option<&Arc<T>> {
        match self {
            Self::Ready(on_gpu) => Some(on_gpu),
            Self::Underway | Self::Failed(_) => None,
        }
    }
}

/// Uploads of parts (`P`) of data (`D`), the one wanted last at the end.
#[derive(Debug)]
pub struct Uploads<D, P, T> {
    known: Vec<(Weak<D>, P, Upload<T>)>,
    /// How many are kept.
    most: usize,
}

impl<D, P: PartialEq, T> Uploads<D, P, T> {
    /// A cache for so many.
    pub fn of_at_most(most: usize) -> Self {
        Self { known: Vec::new(), most }
    }

    /// How far the upload of `part` of `data` is; `None` if it was not begun.
    pub fn get(&mut self, data: &Arc<D>, part: &P) -> Option<Upload<T>> {
        let at = self.find(data, part)?;
        let entry = self.known.remove(at);
        let upload = match &entry.2 {
            Upload::Underway => Upload::Underway,
            Upload::Ready(on_gpu) => Upload::Ready(Arc::clone(on_gpu)),
            Upload::Failed(why) => Upload::Failed(why.clone()),
        };
        self.known.push(entry);
        Some(upload)
    }

    /// Notes that the upload of `part` of `data` begins; gives whether it was to be begun.
    pub fn begin(&mut self, data: &Arc<D>, part: P) -> bool {
        if self.find(data, &part).is_some() {
            return false;
        }
        self.known.retain(|(of, ..)| of.strong_count() > 0);
        if self.known.len() >= self.most {
            self.known.remove(0);
        }
        self.known.push((Arc::downgrade(data), part, Upload::Underway));
        true
    }

    /// Notes how an upload has ended. What has gone meanwhile is not kept.
    pub fn end(&mut self, data: &Arc<D>, part: &P, upload: Upload<T>) {
        if let Some(at) = self.find(data, part) {
            self.known[at].2 = upload;
        }
    }

    /// Forgets what failed, so that it is tried again.
    pub fn forget_failed(&mut self) {
        self.known.retain(|(.., upload)| !matches!(upload, Upload::Failed(_)));
    }

    /// A place in memory is not given to other data while a weak pointer names it.
    fn find(&self, data: &Arc<D>, part: &P) -> Option<usize> {
        self.known.iter().position(|(of, known, _)| of.as_ptr() == Arc::as_ptr(data) && known == part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_with_its_data_and_the_longest_unwanted_goes_first() {
        let mut uploads: Uploads<u8, u8, u8> = Uploads::of_at_most(2);
        let (first, second) = (Arc::new(1), Arc::new(2));
        assert!(uploads.begin(&first, 0) && !uploads.begin(&first, 0) && uploads.begin(&second, 0));
        uploads.end(&first, &0, Upload::Ready(Arc::new(7)));
        assert_eq!(uploads.get(&first, &0).and_then(|upload| upload.ready().map(|on| **on)), Some(7));
        // The second one was wanted longest ago.
        assert!(uploads.begin(&first, 1));
        assert!(uploads.get(&second, &0).is_none() && uploads.get(&first, &0).is_some());
        // What is gone is not kept by a late end.
        uploads.end(&second, &0, Upload::Ready(Arc::new(8)));
        assert!(uploads.get(&second, &0).is_none());
        drop(first);
        assert!(uploads.begin(&second, 0));
        assert_eq!(uploads.known.len(), 1);
        uploads.end(&second, &0, Upload::Failed("no".to_owned()));
        uploads.forget_failed();
        assert!(uploads.begin(&second, 0));
    }
}
