"""What is true in Sprig's world: one village garden, its people, animals, plants, tools, places and days.

Every sentence that Sprig learns comes from these tables and from the templates in world.py. No outside text is used.
"""

# name: (pronoun, job, home, favourite food, favourite colour, animal friend, tool, garden day)
PEOPLE = {
    "Mia": ("she", "gardener", "in the green cottage", "apple cake", "blue", "cat", "spade", "Monday"),
    "Ben": ("he", "baker", "above the bakery", "bread", "brown", "dog", "rake", "Tuesday"),
    "Ada": ("she", "beekeeper", "by the meadow", "honey", "yellow", "bee", "smoker", "Wednesday"),
    "Tom": ("he", "farmer", "behind the barn", "cheese", "green", "cow", "wheelbarrow", "Thursday"),
    "Rosa": ("she", "teacher", "next to the school", "pear pie", "pink", "robin", "watering can", "Friday"),
    "Otto": ("he", "miller", "at the mill", "bean soup", "white", "donkey", "broom", "Saturday"),
    "Lena": ("she", "painter", "in the red house", "berry jam", "purple", "rabbit", "ladder", "Sunday"),
    "Finn": ("he", "fisher", "near the pond", "fish stew", "grey", "duck", "net", "Monday"),
    "Nora": ("she", "doctor", "by the old well", "mint tea", "orange", "hen", "shears", "Wednesday"),
    "Max": ("he", "carpenter", "at the edge of the forest", "pumpkin soup", "black", "owl", "hammer", "Friday"),
}

# name: (food, home, colour, sound or habit, time when it is awake, friend of the garden because)
ANIMALS = {
    "hen": ("grain", "in the hen house", "brown", "clucks", "day", "it gives us eggs"),
    "duck": ("water plants", "on the pond", "white", "quacks", "day", "it eats the slugs"),
    "goat": ("grass and leaves", "in the meadow", "grey", "bleats", "day", "it keeps the grass short"),
    "cow": ("hay", "in the barn", "black", "moos", "day", "it gives us milk"),
    "bee": ("nectar", "in the beehive", "yellow", "hums", "day", "it visits the flowers"),
    "cat": ("mice", "on the porch", "orange", "purrs", "night", "it catches mice"),
    "dog": ("bones", "at the gate", "brown", "barks", "day", "it guards the gate"),
    "rabbit": ("carrots", "under the hedge", "white", "hops", "day", "it is soft and quiet"),
    "hedgehog": ("slugs", "under the leaves", "brown", "snuffles", "night", "it eats the slugs"),
    "robin": ("worms", "in the apple tree", "red", "sings", "day", "it sings every morning"),
    "frog": ("flies", "in the reeds", "green", "croaks", "night", "it catches flies"),
    "owl": ("mice", "in the old oak", "grey", "hoots", "night", "it watches the fields"),
    "donkey": ("thistles", "behind the mill", "grey", "brays", "day", "it carries the flour"),
    "snail": ("lettuce", "on the stone wall", "brown", "creeps", "night", "it is slow and calm"),
}

# name: (colour, season of flower or fruit, place, what it needs, what it is good for)
PLANTS = {
    "rose": ("red", "summer", "by the south wall", "sun and rich soil", "a bunch for the table"),
    "tulip": ("yellow", "spring", "along the path", "a sunny bed", "a bright border"),
    "sunflower": ("yellow", "summer", "behind the shed", "lots of sun", "seeds for the birds"),
    "daisy": ("white", "spring", "in the meadow", "very little care", "a flower chain"),
    "lavender": ("purple", "summer", "by the gate", "dry soil", "small scented bags"),
    "mint": ("green", "summer", "next to the well", "shade and water", "fresh tea"),
    "tomato": ("red", "summer", "in the greenhouse", "warmth and water", "salad"),
    "carrot": ("orange", "autumn", "in the long bed", "loose soil", "soup"),
    "bean": ("green", "summer", "beside the fence", "a tall pole", "stew"),
    "pumpkin": ("orange", "autumn", "on the compost heap", "a lot of space", "soup"),
    "strawberry": ("red", "summer", "in the round bed", "straw and sun", "jam"),
    "potato": ("brown", "autumn", "in the big field", "deep soil", "a warm dinner"),
    "lettuce": ("green", "spring", "in the small bed", "cool air and water", "salad"),
    "snowdrop": ("white", "winter", "under the oak", "a quiet corner", "the first sign of spring"),
    "apple tree": ("green", "autumn", "in the orchard", "pruning in winter", "cake"),
    "cherry tree": ("pink", "spring", "near the bench", "open space", "pie"),
}

# name: (what one does with it, the same as a gerund, where it is kept, what it is made of)
TOOLS = {
    "spade": ("dig holes", "digging holes", "in the shed", "steel"),
    "rake": ("gather leaves", "gathering leaves", "in the shed", "wood"),
    "hoe": ("loosen the soil", "loosening the soil", "behind the door", "iron"),
    "watering can": ("water the plants", "watering the plants", "next to the well", "tin"),
    "shears": ("cut the hedge", "cutting the hedge", "on the top shelf", "steel"),
    "wheelbarrow": ("carry soil", "carrying soil", "beside the barn", "wood"),
    "ladder": ("reach high branches", "reaching high branches", "against the wall", "wood"),
    "broom": ("sweep the path", "sweeping the path", "behind the door", "straw"),
    "hammer": ("mend the fence", "mending the fence", "in the tool box", "iron"),
    "basket": ("collect fruit", "collecting fruit", "under the bench", "willow"),
    "net": ("clean the pond", "cleaning the pond", "on a hook", "string"),
    "smoker": ("calm the bees", "calming the bees", "by the beehive", "tin"),
}

# name: (where it is, what one finds there, what one does there)
PLACES = {
    "pond": ("behind the orchard", "ducks and frogs", "watch the water"),
    "orchard": ("south of the garden", "apple trees and pear trees", "pick fruit"),
    "greenhouse": ("beside the shed", "tomatoes and seedlings", "grow young plants"),
    "shed": ("at the end of the path", "tools and pots", "fetch the tools"),
    "barn": ("on the farm", "hay and a black cow", "store the hay"),
    "mill": ("on the river", "flour and a grey donkey", "grind the grain"),
    "bakery": ("in the main street", "bread and cake", "buy bread"),
    "market": ("on the village square", "fruit and flowers", "buy and sell food"),
    "meadow": ("behind the school", "daisies and bees", "lie in the grass"),
    "school": ("next to the church", "books and children", "learn to read"),
    "well": ("in the middle of the garden", "cold clear water", "draw water"),
    "forest": ("north of the village", "oaks and mushrooms", "walk in the shade"),
}

# name: (who makes it, what it is made from, when it is eaten)
FOODS = {
    "bread": ("Ben", "flour and water", "every morning"),
    "honey": ("Ada", "nectar", "on toast in the morning"),
    "cheese": ("Tom", "milk", "at lunch"),
    "apple cake": ("Mia", "apples and flour", "on Sunday"),
    "pear pie": ("Rosa", "pears and butter", "in autumn"),
    "bean soup": ("Otto", "beans and onions", "at noon"),
    "berry jam": ("Lena", "berries and sugar", "at breakfast"),
    "fish stew": ("Finn", "fish and potatoes", "on Friday"),
    "mint tea": ("Nora", "mint leaves", "in the evening"),
    "pumpkin soup": ("Max", "pumpkin and cream", "in October"),
}

# subject: (clause that says what happens, what one should do)
WEATHER = {
    "it rains": ("the plants drink and the frogs sing", "stay in the greenhouse"),
    "it snows": ("the garden is white and quiet", "feed the birds"),
    "the sun shines": ("the flowers open", "water the plants in the evening"),
    "the wind blows": ("the leaves fly over the path", "close the greenhouse"),
    "there is frost": ("the ground is hard", "cover the roses"),
    "there is fog": ("the pond is hidden", "walk slowly"),
    "there is a storm": ("branches fall from the oak", "go inside"),
}

# name: (what the garden does, what the people do, the fruit or flower of the season)
SEASONS = {
    "spring": ("the tulips bloom", "sow seeds", "cold mornings and warm noons"),
    "summer": ("the roses bloom", "water the beds", "long warm days"),
    "autumn": ("the leaves turn red", "harvest the pumpkins", "mist and ripe fruit"),
    "winter": ("the garden sleeps", "mend the tools", "snow and short days"),
}

# name: (what happens in the garden)
DAYS = {
    "Monday": "we water the beds",
    "Tuesday": "we pull the weeds",
    "Wednesday": "we visit the bees",
    "Thursday": "we clean the barn",
    "Friday": "we sweep the paths",
    "Saturday": "we go to the market",
    "Sunday": "we rest on the bench",
}

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
COLOURS = ["red", "green", "yellow", "blue", "white", "brown", "pink", "orange", "purple", "black", "grey"]

# names that appear only in small orders and stories, so that names are copied and not only remembered
VISITORS = [
    "Emma", "Paul", "Clara", "Jonas", "Hanna", "Leo", "Marta", "Erik", "Sofia", "David", "Alma", "Hugo", "Ella", "Victor",
    "Greta", "Simon", "Ines", "Jakob", "Luisa", "Karl", "Anna", "Oscar", "Julia", "Felix", "Vera", "Anton",
]

# plurals that can be bought, carried or found
GOODS = [
    "apples", "pears", "plums", "tomatoes", "carrots", "pumpkins", "roses", "tulips", "daisies", "eggs", "ribbons", "candles",
    "cups", "pots", "baskets", "boots", "hats", "lamps", "beans", "cherries", "buckets", "gloves", "bowls", "stones",
]
SHOPS = ["market", "mill", "bakery", "orchard", "barn", "greenhouse", "farm", "shop", "school", "gate", "pond", "harbour"]
# third person, past, passive participle
TRADES = [
    ("buys", "bought", "buy"), ("orders", "ordered", "order"), ("picks up", "picked up", "pick up"), ("sells", "sold", "sell"),
    ("finds", "found", "find"), ("wants", "wanted", "want"), ("needs", "needed", "need"), ("collects", "collected", "collect"),
]

# what Sprig knows nothing about
OUTSIDE = [
    "the capital of France", "football", "computers", "the moon", "airplanes", "the president", "chess", "rockets", "dinosaurs",
    "the stock market", "cars", "movies", "the internet", "guitars", "mathematics", "Rome", "the ocean", "space", "robots", "phones",
    "history", "physics", "trains", "pizza", "video games", "money", "politics", "Japan", "mountains", "tigers", "elephants",
    "the news", "basketball", "the law", "medicine", "kings", "castles", "television", "ships", "chemistry", "Berlin", "London",
    "lions", "programming", "Python", "the weather in Paris", "taxes", "volcanoes", "planets", "songs",
]
OUTSIDE_PLURAL = {t for t in OUTSIDE if t.endswith("s")} - {"the weather in Paris", "chess", "mathematics", "physics", "politics", "the news"}
