"""Machine code made of the intermediate form, by a back end that only this room knows; without one, generated Python goes on."""
