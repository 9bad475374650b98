"""The speakers of Sarvam's current model; a test compares them with the plugin that speaks."""

SARVAM_MODEL = "bulbul:v3"
SARVAM_SPEAKERS = (
    "aayan", "aditya", "advait", "amelia", "amit", "ashutosh", "dev", "ishita", "kabir", "kavitha", "kavya", "manan",
    "neha", "pooja", "priya", "rahul", "ratan", "ritu", "rohan", "roopa", "rupali", "shreya", "shruti", "shubh",
    "simran", "sophia", "suhani", "sumit", "tanya", "varun",
)  # fmt: skip
