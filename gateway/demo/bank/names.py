"""First names and surnames by country, commonest first. Many surnames are ordinary words: that is what they are for."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """What people of one country are called."""

    first: tuple[str, ...]
    last: tuple[str, ...]


def slug(name: str) -> str:
    """The name as it stands in an e-mail address: ASCII letters and hyphens."""
    spelled = name.lower()
    for letter, ascii_letters in _SPELLED.items():
        spelled = spelled.replace(letter, ascii_letters)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(c for c in plain if c.isalpha() or c == "-")


_SPELLED: Final[Mapping[str, str]] = MappingProxyType({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l", "ı": "i"})


def _names(first: str, last: str) -> Names:
    return Names(tuple(first.split()), tuple(part.replace("_", " ") for part in last.split()))


_GERMAN: Final = _names(
    """Maria Thomas Anna Michael Sabine Andreas Ursula Stefan Petra Christian Monika Wolfgang Claudia Jürgen Susanne
    Klaus Andrea Uwe Renate Jörg Karin Günter Julia Sebastian Katharina Matthias Christine Tobias Birgit Björn Lena
    Maximilian Sophie Lukas Hannah Jonas Johanna Felix Frieda Paul Käthe Götz Märta Rüdiger Emilia Elias Mia Finn
    Leonie Noah Marlene Jakob Heike Sören Ines Hakan Ayşe Mehmet Jürgen-Karl Anneliese Rosemarie Dieter""",
    """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf
    Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Schmid
    Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn
    Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster
    Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt
    Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Sauer Arnold Kurz Yıldız Öztürk""",
)
_FRENCH: Final = _names(
    """Marie Jean Nathalie Pierre Isabelle Michel Sylvie Philippe Catherine Alain Françoise Nicolas Valérie Christophe
    Sandrine Frédéric Stéphanie Julien Céline Sébastien Aurélie Jérôme Émilie Éric Camille Thomas Léa Antoine Manon
    Lucas Chloé Hugo Inès Louis Zoé Gabriel Jade Raphaël Alice Jules Rose Adam Anaïs Maël Noémie Benoît Hélène François
    Élodie Grégory Agnès Cédric Maëlle Loïc Océane Rémi Fatima Karim Aïcha Jean-Luc Anne-Sophie Thérèse""",
    """Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia David
    Bertrand Roux Vincent Fournier Morel Girard André Lefèvre Mercier Dupont Lambert Bonnet François Martinez Legrand
    Garnier Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier Dumont Lopez
    Fontaine Chevalier Robin Masson Sanchez Gérard Nguyen Boyer Denis Lemaire Duval Joly Gautier Roger Roche Roy Noël
    Meyer Lucas Meunier Jean Perez Marchand Dufour Blanchard Marie Barbier Brun Dumas Brunet Schmitt Leroux Colas
    Fernandez Renard Charpentier Lebrun Boulanger Berger Leblanc Carré Loiseau D'Hervé Le_Goff De_La_Tour Benoît""",
)
_ITALIAN: Final = _names(
    """Maria Giuseppe Anna Giovanni Giulia Antonio Francesca Mario Rosa Luigi Angela Francesco Giovanna Roberto Teresa
    Marco Lucia Andrea Carmela Alessandro Caterina Stefano Chiara Paolo Sara Luca Martina Matteo Elena Davide Laura
    Simone Valentina Lorenzo Silvia Riccardo Federica Gabriele Sofia Leonardo Aurora Tommaso Ginevra Mattia Beatrice
    Niccolò Alice Edoardo Emma Pietro Giorgia Nicolò Irene Salvatore Concetta Vincenzo Mercè Libertà Noè Maria-Pia
    Gian-Luca Desirée""",
    """Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini Costa
    Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo
    Gentile Martinelli Vitale Lombardo Serra Coppola De_Santis D'Angelo Marchetti Parisi Villa Conte Ferraro Ferri
    Fabbri Bianco Marini Grasso Valentini Messina Sala De_Angelis Gatti Pellegrini Palumbo Sanna Farina Rizzi Monti
    Cattaneo Morelli Amato Silvestri Mazza Testa Grassi Pellegrino Carbone Giuliani Benedetti Barone Rossetti Caputo
    Montanari Guerra Palmieri Bernardi Martino Fiore De_Rosa Ferretti Bellini Basile Riva Donati Piras Neri Pace
    Nicolò D'Amico Forlì""",
)
_SPANISH: Final = _names(
    """María Antonio Carmen José Ana Manuel Isabel Francisco Laura Juan Cristina David Marta Javier Lucía Daniel Elena
    Carlos Pilar Jesús Raquel Alejandro Rosa Miguel Sara Rafael Paula Pedro Mercedes Ángel Dolores Pablo Beatriz Sergio
    Nuria Fernando Sofía Jorge Andrea Luis Julia Alberto Irene Álvaro Rocío Diego Mónica Adrián Inés Raúl Verónica Iván
    Natalia Rubén Begoña Óscar Martín Íñigo Concepción Ramón María-José Nicolás Núria Íker""",
    """García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno
    Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina
    Morales Suárez Ortega Delgado Castro Ortiz Rubio Marín Sanz Núñez Iglesias Medina Garrido Cortés Castillo Santos
    Lozano Guerrero Cano Prieto Méndez Cruz Calvo Gallego Vidal León Márquez Herrera Peña Flores Cabrera Campos Vega
    Fuentes Carrasco Diez Caballero Reyes Nieto Aguilar Pascual Santana Herrero Lorenzo Montero Hidalgo Giménez Ibáñez
    Ferrer Durán Santiago Benítez Mora Vicente Vargas Arias Carmona Crespo Román Pastor Soto Sáez Rey Rojo Ibarra""",
)
_DUTCH: Final = _names(
    """Johannes Maria Jan Anna Daan Emma Sem Julia Bram Sophie Lucas Tess Milan Zoë Levi Mila Noah Saar Luuk Noor Finn
    Yara Thijs Lotte Jesse Fleur Ruben Eva Sanne Willem Cornelia Hendrik Johanna Pieter Elisabeth Gerrit Wilhelmina
    Dirk Margaretha Kees Jacoba Maarten Femke Bas Marloes Jeroen Ingrid Sander Annelies Joost Marieke Stijn Renée
    André Loïs Chloë Michaël Ömer Fatma Mohamed Aaltje Geert Jan-Willem Anne-Marie""",
    """De_Jong Jansen De_Vries Van_den_Berg Van_Dijk Bakker Janssen Visser Smit Meijer De_Boer Mulder De_Groot Bos Vos
    Peters Hendriks Van_Leeuwen Dekker Brouwer De_Wit Dijkstra Smits De_Graaf Van_der_Meer Van_der_Linden Kok Jacobs
    De_Haan Vermeulen Van_den_Heuvel Van_der_Veen Van_den_Broek De_Bruijn De_Bruin Van_der_Heijden Schouten Van_Beek
    Willems Van_Vliet Van_de_Ven Hoekstra Maas Verhoeven Koster Van_Dam Van_der_Wal Prins Blom Huisman Peeters De_Jonge
    Kuipers Van_Veen Post Kuiper Veenstra Kramer Van_den_Brink Scholten Van_Wijk Postma Martens Vink Zwart Timmermans
    Groen Wolters Koning Boer Jonker Mol Bosch Sanders Zomer Winter Haan Molenaar Hoek Leeuw Roos Bloem Klein
    Slager Snel Wit Goedhart Coenraad Çelik Demir""",
)
_POLISH: Final = _names(
    """Anna Jan Maria Andrzej Katarzyna Piotr Małgorzata Krzysztof Agnieszka Stanisław Barbara Tomasz Ewa Paweł Krystyna
    Marcin Elżbieta Michał Magdalena Marek Joanna Grzegorz Aleksandra Jerzy Monika Łukasz Zofia Adam Teresa Zbigniew
    Natalia Rafał Danuta Józef Julia Kamil Irena Dariusz Beata Henryk Dorota Mateusz Jadwiga Kazimierz Karolina Jakub
    Hanna Wojciech Iwona Mariusz Renata Bartosz Alicja Przemysław Paulina Święcisława Żaneta Róża Błażej Grażyna
    Sławomir Jędrzej Łucja""",
    """Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski
    Mazur Jankowski Kwiatkowski Wojciechowski Krawczyk Kaczmarek Piotrowski Grabowski Zając Pawłowski Król Michalski
    Wróbel Wieczorek Jabłoński Nowakowski Majewski Olszewski Stępień Dudek Jaworski Malinowski Adamczyk Pawlak Górski
    Nowicki Sikora Witkowski Rutkowski Walczak Baran Michalak Szewczyk Ostrowski Tomaszewski Zalewski Wróblewski
    Pietrzak Jasiński Marciniak Sadowski Bąk Zawadzki Duda Jakubowski Wilk Chmielewski Borkowski Włodarczyk Sokołowski
    Szczepański Sawicki Kucharski Lis Kalinowski Wysocki Mazurek Kubiak Maciejewski Kołodziej Czarnecki Sobczak
    Kaźmierczak Głowacki Zakrzewski Krupa Krajewski Mróz Bednarek Kot Ptak Gołąb Kruk Sowa Czajka Kos Kogut Wąs
    Świątek Żak Łuczak""",
)
_CZECH: Final = _names(
    """Jiří Jana Jan Marie Petr Eva Josef Hana Pavel Anna Martin Lenka Tomáš Kateřina Jaroslav Lucie Miroslav Věra
    Zdeněk Alena František Petra Václav Veronika Michal Jaroslava Milan Tereza Karel Martina Jakub Jitka Lukáš Helena
    David Ludmila Vladimír Michaela Ladislav Zdeňka Ondřej Ivana Roman Jarmila Marek Monika Stanislav Zuzana Daniel
    Jiřina Radek Eliška Antonín Markéta Vojtěch Květa Filip Barbora Adam Dagmar Štěpán Růžena Matěj Žaneta""",
    """Novák Svoboda Novotný Dvořák Černý Procházka Kučera Veselý Horák Němec Pokorný Marek Pospíšil Hájek Jelínek Král
    Růžička Beneš Fiala Sedláček Doležal Zeman Nguyen Kolář Krejčí Navrátil Čermák Urban Vaněk Blažek Kříž Kovář
    Bartoš Vlček Polák Musil Kopecký Šimek Konečný Malý Holub Staněk Čech Štěpánek Kadlec Dostál Soukup Šťastný Mareš
    Moravec Sýkora Tichý Valenta Vávra Matoušek Říha Bláha Ševčík Bureš Hruška Mašek Pavlík Dušek Janda Havlíček
    Toman Pešek Kratochvíl Vacek Kašpar Bednář Strnad Liška Zima Žák Mach Kubát Hudec Macháček Vítek Slavík Kohout
    Beran Jaroš Zelený Bílý Rychlý Hrubý Tomášek Ptáček Kos Vrána Sova Louda Šrámek""",
)
_AUSTRIAN: Final = _names(
    """Maria Franz Elisabeth Johann Anna Josef Christine Karl Eva Peter Monika Michael Andrea Thomas Barbara Andreas
    Sabine Martin Claudia Gerhard Sandra Christian Martina Stefan Birgit Wolfgang Petra Markus Manuela Manfred Daniela
    Herbert Karin Günther Katharina Alexander Julia Daniel Lisa Lukas Lena Florian Theresa David Magdalena Jakob
    Valentina Maximilian Sophie Tobias Laura Paul Viktoria Moritz Hedwig Leopold Gerlinde Alois Edeltraud Jürgen Grete
    Björn Rosalía""",
    """Gruber Huber Bauer Wagner Müller Pichler Steiner Moser Mayer Hofer Leitner Berger Fuchs Eder Fischer Schmid
    Winkler Weber Schwarz Maier Schneider Reiter Mayr Schmidt Wimmer Egger Brunner Lang Baumgartner Auer Binder Lechner
    Wolf Wallner Aigner Ebner Koller Lehner Haas Schuster Heilig Holzer Haider Lackner Fink Koch König Strasser Weiß
    Stadler Böhm Krenn Kaiser Kern Hauer Resch Seidl Kaufmann Winter Riegler Hofbauer Mayrhofer Strobl Fürst Kogler
    Konrad Zimmermann Schober Wieser Ortner Karner Jäger Hahn Schwaiger Stöger Hofmann Riedl Horvath Kraus Grabner
    Köck Unger Kainz Pfeiffer Novak Richter Stern Sommer Klein Vogl Thaler Plank Angerer Glück Rössler Dvořak""",
)

NAMES: Final[Mapping[str, Names]] = MappingProxyType(
    {
        "DE": _GERMAN,
        "FR": _FRENCH,
        "IT": _ITALIAN,
        "ES": _SPANISH,
        "NL": _DUTCH,
        "PL": _POLISH,
        "CZ": _CZECH,
        "AT": _AUSTRIAN,
    }
)
"""By ISO 3166 code, in the order in which the bank numbers its countries."""
