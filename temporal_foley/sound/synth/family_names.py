"""Name the effects that each family of recipes makes, so that no family is imported early."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "animals": (
        *("cow", "sheep", "goat", "pig", "hen", "duck", "goose", "crow", "owl", "frog", "lion"),
        *("elephant", "monkey", "wolf_howl", "dog_growl", "cat_purr", "rooster"),
        "horse_neigh",
    ),
    "blasts": (*("gunshot", "explosion", "fireworks"),),
    "engines": (
        *("motorcycle", "engine", "truck", "tractor", "boat", "lawn_mower", "chainsaw", "drill"),
        *("jackhammer", "aeroplane", "vacuum_cleaner", "hair_dryer", "sewing_machine"),
        *("bus", "washing_machine"),
    ),
    "friction": (*("saw", "zip", "cloth", "paper", "page_turn", "eraser", "sweeping", "sanding"),),
    "liquids": (
        *("tap", "shower", "boiling", "frying", "waterfall", "underwater", "pouring", "splash"),
    ),
    "objects": (
        *("knock", "door_slam", "dishes", "glass_clink", "cutlery", "ball_bounce", "racket_hit"),
        *("punch", "sword", "clock", "book", "keys", "chopping", "hammer", "wood_chop", "kick"),
        *("pool_balls", "camera"),
    ),
    "outdoors": (*("birds", "crickets", "bees", "rain", "wind", "leaves"),),
    "people": (
        *("cough", "sneeze", "laugh", "baby_cry", "breathing", "snoring", "applause"),
        *("crowd_murmur", "children"),
    ),
    "ringing": (
        *("church_bell", "bicycle_bell", "doorbell", "alarm_clock", "phone_ring", "beeps"),
        *("car_horn", "train_horn", "ship_horn", "whistle", "human_whistle"),
    ),
    "steps": (
        *("footsteps", "footsteps_wood", "footsteps_grass", "footsteps_gravel", "footsteps_snow"),
        *("running", "stairs", "horse_hooves"),
    ),
}
