//! `Clone` that reuses memory: the derived `clone_from` throws the old value away, but an explorer
//! copies states millions of times into the same place.

/// Implements `Clone` for a struct so that `clone_from` goes field by field, past lists that are
/// mostly empty.
macro_rules! clone_field_wise {
    ($type:ident { $($field:ident),* $(,)? } $(mostly empty { $($list:ident),* $(,)? })?) => {
        impl Clone for $type {
            fn clone(&self) -> Self {
                Self { $($field: self.$field.clone(),)* $($($list: self.$list.clone(),)*)? }
            }

            #[inline]
            fn clone_from(&mut self, source: &Self) {
                $(self.$field.clone_from(&source.$field);)*
                $($(
                    if !self.$list.is_empty() || !source.$list.is_empty() {
                        self.$list.clone_from(&source.$list);
                    }
                )*)?
            }
        }
    };
}

pub(crate) use clone_field_wise;
