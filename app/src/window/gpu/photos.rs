//! Photos on the device: each lies there once, however many maps are drawn over it, and no longer than any is.

use opabinia_engine::vision::Picture;
use opabinia_shaders::GpuPhoto;
use std::sync::{Arc, Weak};

/// Which photos are on the device.
#[derive(Debug, Default)]
pub struct Photos(Vec<(Weak<Picture>, Weak<GpuPhoto>)>);

impl Photos {
    /// The photo of `picture`, which `upload` puts on the device unless it is there.
    ///
    /// # Errors
    /// Those of `upload`.
    pub fn get_or_upload<E>(
        &mut self,
        picture: &Arc<Picture>,
        upload: impl FnOnce() -> Result<GpuPhoto, E>,
    ) -> Result<Arc<GpuPhoto>, E> {
        self.0.retain(|(_, photo)| photo.strong_count() > 0);
        // A place in memory is not given to another picture while a weak pointer names it.
        let known = self.0.iter().find(|(of, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(picture)));
        if let Some(photo) = known.and_then(|(_, photo)| photo.upgrade()) {
            return Ok(photo);
        }
        let photo = Arc::new(upload()?);
        self.0.push((Arc::downgrade(picture), Arc::downgrade(&photo)));
        Ok(photo)
    }
}
